"""The problems we ship, one file each; `heuresis.evaluators.catalog` finds them by name."""
