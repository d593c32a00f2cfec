"""Values and rules without input or output: no AWS, no Pillow, no HTTP."""
