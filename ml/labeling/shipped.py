"""The vocabularies that ship. A released one never changes: archives have its labelings."""

from functools import cache
from pathlib import Path

from ml.labeling.labeler import Labeler
from ml.labeling.vocabulary import Vocabulary

SHIPPED = ("overread-2", "overread-1")
"""Their versions, the newest first."""

_FOLDER = Path(__file__).with_name("vocabularies")


@cache
def builtin_text(version: str = SHIPPED[0]) -> str:
    """Return the file of a vocabulary that ships, the newest by default."""
    return (_FOLDER / f"{version}.yaml").read_text(encoding="utf-8")


@cache
def builtin(version: str = SHIPPED[0]) -> Vocabulary:
    """Return a vocabulary that ships, the newest by default."""
    return Vocabulary.parse(builtin_text(version))


@cache
def builtin_labeler(version: str = SHIPPED[0]) -> Labeler:
    """Return the labeler of a vocabulary that ships. A process builds it once, and its threads share it."""
    return Labeler(builtin(version))
