"""Builds the services and their adapters; nothing else reads the environment.

One module per function, each with the imports of its function only: they are part of the cold start.
"""
