"""Watching a folder: what others drop there is taken when it is complete. Nothing is moved or deleted."""
