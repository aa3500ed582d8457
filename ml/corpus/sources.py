"""Whose reading labels come from, and what its hedged findings count as."""

from typing import Literal

Source = Literal["overread", "machine"]
Hedged = Literal["positive", "negative", "ignore"]
HEDGED: Hedged = "positive"
"""What an uncertain finding counts as where nothing else is said: as in the paper's tables."""
