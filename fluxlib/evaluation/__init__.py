"""Validation without leaks: folds, scores, intervals, and what the papers printed."""
