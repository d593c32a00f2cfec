"""The bench and the fits: how Darkroom compares, and where its constants come from. Not deployed."""
