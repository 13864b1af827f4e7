"""Runs untrusted code: warm workers, jail backends, limits, the wire. Knows nothing of search or scores."""
