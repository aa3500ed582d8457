"""Passwords: which are good enough, and their hashes."""
