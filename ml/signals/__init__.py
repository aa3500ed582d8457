"""From millivolts to a model's windows: quality checks and preprocessing."""

from ml.signals.preprocessing import Preprocessing, Windows, check_usable, millivolt_windows, preprocess
from ml.signals.quality import Unusable, check

__all__ = ["Preprocessing", "Unusable", "Windows", "check", "check_usable", "millivolt_windows", "preprocess"]
