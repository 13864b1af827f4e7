"""Proposes: the campaign loop, search methods, operators, the budget."""
