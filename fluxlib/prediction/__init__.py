"""The daily fluence one to three days ahead (notebook 05)."""
