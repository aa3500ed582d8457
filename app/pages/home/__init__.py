"""The address `/`."""
