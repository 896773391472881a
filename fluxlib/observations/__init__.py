"""What was measured: gaps, coverage, doubtful samples (notebook 01)."""
