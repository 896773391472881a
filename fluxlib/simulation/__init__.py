"""A simulated Sun, solar wind and GOES fleet, and the sample made of them."""
