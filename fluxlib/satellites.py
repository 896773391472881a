"""Satellites by their numbers: which of the two low channels each has."""

import re

LOW_CHANNELS = ("e0.6", "e0.8")
# GOES-13 and later measure >0.8 MeV where earlier satellites measure >0.6 MeV.
FIRST_WITH_E08 = 13


def find_number(satellite: str) -> int:
    """Return the number in a satellite's name, such as 13 of "goes13"; 0 if there is none."""
    found = re.search(r"\d+", satellite)
    return int(found[0]) if found else 0
