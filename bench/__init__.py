"""Benchmarks, and the programs that fit Darkroom's constants. Not deployed."""
