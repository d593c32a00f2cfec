"""The steps of the pipeline, by what they work on."""
