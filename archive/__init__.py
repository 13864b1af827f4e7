"""Remembers: records, the store, populations, lineage. Everything else is a view over it."""
