"""Which drivers the flux follows, and how many hours later (notebook 03)."""
