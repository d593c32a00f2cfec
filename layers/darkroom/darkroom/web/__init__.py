"""The HTTP API: routes, authentication, pages and JSON."""
