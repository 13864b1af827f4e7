"""Operators shared by the methods: each turns a brief into programs worth an evaluation."""
