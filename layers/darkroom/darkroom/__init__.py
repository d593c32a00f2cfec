"""Darkroom: drop a picture in a bucket, get small JPEG, WebP and AVIF copies of it."""
