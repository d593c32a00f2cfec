"""Use cases. They read and write through the ports."""
