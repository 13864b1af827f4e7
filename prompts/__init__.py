"""The texts that writers of programs read: strict templates."""
