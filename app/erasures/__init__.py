"""Erasing ECGs and patients: what is deleted, what is marked, and what keeps them from coming back."""
