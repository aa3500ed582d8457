"""Where labels come from, what uncertain findings count as, and which rows are measured on."""

from typing import Literal

Source = Literal["overread", "machine"]
Hedged = Literal["positive", "negative", "ignore"]
HEDGED: Hedged = "positive"
"""What an uncertain finding counts as where nothing else is said: as in the paper's tables."""
MeasuredOn = Literal["train", "validation", "test", "all"]
"""A split of a dataset, or all of its ECGs."""
