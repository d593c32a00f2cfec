"""`darkroom drop`."""
