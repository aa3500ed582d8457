"""How a reading by rules is known: it has no table of its own, it is a machine report of this reader."""

RULES = "overread-rules-"
"""What the reader of a machine report begins with that our rules made; nobody else's does."""
