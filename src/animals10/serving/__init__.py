"""The server: predictions over HTTP, by one process and one model at a time."""
