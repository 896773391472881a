"""Gaps filled, each value with an interval (notebook 04)."""
