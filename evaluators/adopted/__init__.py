"""Folders written for other tools, an initial program beside its evaluator, as problems with SELF_REPORTED scores."""
