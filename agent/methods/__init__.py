"""Search methods, one small file each; `heuresis.agent.catalog` finds them by name."""
