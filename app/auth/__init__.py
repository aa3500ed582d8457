"""Users, API keys and roles. Every route but the health checks needs a key of the right role."""
