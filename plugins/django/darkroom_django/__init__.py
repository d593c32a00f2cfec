"""Shows the pictures of a Darkroom stack in Django."""
