"""Uploaded archives: kept durably until their job has ended, and unpacked within limits."""
