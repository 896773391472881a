"""Fetching files from NCEI, SPDF and SWPC into a dataset."""
