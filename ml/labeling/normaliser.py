"""The normal form of a phrase, as the text side of a model was trained on it."""

from collections.abc import Callable

from ml.labeling.labeler import Labeler
from ml.labeling.vocabulary import Vocabulary


def normaliser(vocabulary: str | None) -> Callable[[str], str]:
    """Give what brings a phrase into the form the text side was trained on."""
    if vocabulary is None:
        return str.lower
    return Labeler(Vocabulary.parse(vocabulary)).normal_form
