"""Archive formats, one a module, read and written there."""
