"""Report text, or codes, to the status of each label."""

from ml.labeling.findings import Code, Finding, Masks, Stance, Statement, overread_masks
from ml.labeling.labeled_report import LabeledReport
from ml.labeling.labeler import Labeler
from ml.labeling.shipped import SHIPPED, builtin, builtin_labeler, builtin_text
from ml.labeling.vocabulary import Label, Vocabulary, VocabularyError

__all__ = [
    "SHIPPED",
    "Code",
    "Finding",
    "Label",
    "LabeledReport",
    "Labeler",
    "Masks",
    "Stance",
    "Statement",
    "Vocabulary",
    "VocabularyError",
    "builtin",
    "builtin_labeler",
    "builtin_text",
    "overread_masks",
]
