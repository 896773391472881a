"""Files, the time grid, validation and parallel work: what knows nothing of flux."""
