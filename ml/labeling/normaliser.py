"""The normal form of phrases, as a model's text encoder was trained on them."""

from collections.abc import Callable

from ml.labeling.labeler import Labeler
from ml.labeling.vocabulary import Vocabulary


def normaliser(vocabulary: str | None) -> Callable[[str], str]:
    """Return the function that brings a phrase into the form on which the text encoder was trained."""
    if vocabulary is None:
        return str.lower
    return Labeler(Vocabulary.parse(vocabulary)).normal_form
