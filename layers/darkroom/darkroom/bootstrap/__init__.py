"""Wires the house together: the only place that reads the environment and builds adapters.

Each function has its module here, and imports with it what it uses and no more: a cold start waits for it.
"""
