"""Figures, one module a notebook."""
