"""What became of each file that was imported, so that a file is not read again while it stays as it was."""
