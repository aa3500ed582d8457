"""The words of the review's pages."""

from collections.abc import Mapping
from typing import Any

MODES = {"blind": "Blind first", "assisted": "Assisted"}
MODE_HINTS = {
    "blind": "The reader writes and locks a reading before the machine's report or a prediction is shown",
    "assisted": "The reader edits the machine's report, statement by statement",
}
RULES = {
    "predicted_change": "What the model would change most, by the weight of the labels",
    "rarity": "The rarest machine findings first",
    "age": "The oldest ECGs without an over-read first",
    "random": "A random sample",
    "added": "ECGs to which the over-read has added a label",
    "removed": "ECGs from which the over-read has removed a label",
}

CHANGED_BY = {
    "adjudication": "decided otherwise",
    "second": "read otherwise by a second reader",
    "other": "read otherwise later",
}
STATUSES = {
    None: "not mentioned",
    "present": "present",
    "uncertain": "possible",
    "negated": "denied",
    "historical": "past",
}

KEY_SHEET: tuple[tuple[tuple[str, ...], str], ...] = (
    (("Ctrl", "Enter"), "Lock the reading; sign it and go on to the next ECG"),
    (("Ctrl", "Shift", "Enter"), "Sign and stop"),
    (("Ctrl", "Z"), "Undo"),
    (("Ctrl", "Y"), "Redo"),
    (("↓", "↑"), "Choose a term of the vocabulary, or a statement"),
    (("Enter",), "Take the term; edit the statement, and end editing it"),
    (("X",), "Strike a statement out, or keep it again"),
    (("H",), "Hedge a statement, or be sure of it"),
    (("A",), "Add a statement"),
    (("1",), "Adjudication: take reading 1"),
    (("2",), "Adjudication: take reading 2"),
    (("Esc",), "Leave the text"),
    (("T",), "Go back to the text"),
    (("N",), "After signing: write a new version"),
    (("Alt", "B"), "Give the ECG back"),
    (("?",), "Show these keys; F1 while you write"),
)
"""What to press, together, and what it does. Single letters work outside a text."""


def rule_words(rule: Mapping[str, Any]) -> str:
    """Return a list's rule in words."""
    words = RULES.get(rule["kind"], rule["kind"])
    return f"{words} ({rule['label']})" if rule.get("label") else words
