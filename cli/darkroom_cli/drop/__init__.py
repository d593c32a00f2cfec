"""`darkroom drop`: uploads a job and follows it."""
