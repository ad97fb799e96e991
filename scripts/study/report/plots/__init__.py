"""Figures, one function each, from a table or an array; each states its finding."""
