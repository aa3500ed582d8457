"""Signed-in browsers: cookies, sessions, sign-in links, and how often somebody may try a password."""
