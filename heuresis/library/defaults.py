"""What is taken where nothing is said; by the command line and from Python alike. Loads nothing."""

DEFAULT_METHOD = "genetic"
DEFAULT_WITH_MODEL = "funsearch"
DEFAULT_MINUTES = 10.0
"""Of a search for which no limit was given."""
DEFAULT_STORAGE = "sqlite:///heuresis.db"
