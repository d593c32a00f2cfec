"""`make scale`: what binds at so many pictures a minute, what it costs, and what waiting does to latency."""
