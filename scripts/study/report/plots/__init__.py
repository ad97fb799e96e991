"""Figures, one function each, from a table or an array; every one states its finding and names its axes."""
