"""Satellites brought onto one scale (notebook 02)."""
