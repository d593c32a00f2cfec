"""The command line and the local stack. Not deployed."""
