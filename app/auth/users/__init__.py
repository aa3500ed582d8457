"""Users, their keys and their sessions, over HTTP."""
