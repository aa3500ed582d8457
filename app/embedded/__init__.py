"""What `overread serve` runs itself when no server is configured: a private PostgreSQL."""
