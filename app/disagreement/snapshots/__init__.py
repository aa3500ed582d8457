"""Questions pinned with the answer they had."""
