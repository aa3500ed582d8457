"""Remove from report text what says who somebody is."""

from ml.deidentify.removal import without_identifiers
from ml.deidentify.words import known_words

__all__ = ["known_words", "without_identifiers"]
