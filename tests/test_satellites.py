import pytest

from fluxlib.satellites import find_number


@pytest.mark.parametrize(
    ("name", "number"),
    [("goes13", 13), ("GOES-08", 8), ("goes19 (east of 18)", 19), ("Himawari", 0), ("m²", 0)],
)
def test_the_number_of_a_satellite_is_the_first_in_its_name(name, number):
    assert find_number(name) == number
