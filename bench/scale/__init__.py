"""`make scale`: the limits at different rates of pictures, how to raise them, and the cost."""
