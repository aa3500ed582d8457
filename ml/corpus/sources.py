"""Where labels come from, and what uncertain findings count as."""

from typing import Literal

Source = Literal["overread", "machine"]
Hedged = Literal["positive", "negative", "ignore"]
HEDGED: Hedged = "positive"
"""What an uncertain finding counts as where nothing else is said: as in the paper's tables."""
