"""Darkroom: drop a picture in a bucket, get the smallest pictures the web can show, with proof."""
