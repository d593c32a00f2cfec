"""Use cases: they read and write through the ports."""
