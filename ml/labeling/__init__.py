"""Report text, or codes, to the status of each label."""

from ml.labeling.labeler import Labeler
from ml.labeling.reading import Code, Finding, Masks, Reading, Statement
from ml.labeling.vocabulary import Label, Vocabulary, VocabularyError, builtin, builtin_text

__all__ = [
    "Code",
    "Finding",
    "Label",
    "Labeler",
    "Masks",
    "Reading",
    "Statement",
    "Vocabulary",
    "VocabularyError",
    "builtin",
    "builtin_text",
]
