"""Pages on which lists of ECGs are read."""
