"""Pairs by column: what questions about several attributes are counted from."""
