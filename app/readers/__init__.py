"""Readers: how far those who read the same ECGs agree, and how one reads beside the others."""
