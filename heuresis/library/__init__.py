"""Heuresis from Python: look at a store, judge a program, run a search, drive one from a loop of your own."""
