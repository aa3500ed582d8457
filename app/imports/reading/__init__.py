"""Entries of an archive read in child processes: the signal, what its file says, texts without identifiers."""
