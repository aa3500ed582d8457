"""Signing in, one's own account, and for admins users and logs."""
