"""Signals: what makes one unusable, and how a usable one becomes windows."""

from ml.signals.preprocessing import Preprocessing, Unusable, Windows, preprocess
from ml.signals.quality import check

__all__ = ["Preprocessing", "Unusable", "Windows", "check", "preprocess"]
