"""`darkroom render`."""
