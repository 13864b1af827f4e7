"""Judges: problems, the referee, tiers, statistics. Receives a program and never learns who wrote it."""
