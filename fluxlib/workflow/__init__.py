"""Notebooks run headlessly: parameters, execution, which runs when."""
