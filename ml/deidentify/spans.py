"""Where a text says who somebody is."""

from collections.abc import Iterable

from ml.deidentify.frequent import FrequentNames
from ml.deidentify.initials import Initials
from ml.deidentify.numbers import Numbers
from ml.deidentify.organisations import Organisations
from ml.deidentify.page import Page, Span
from ml.deidentify.people import People
from ml.deidentify.plain import PlainText

FINDERS = (Numbers, People, Initials, FrequentNames, Organisations)


def identifiers(text: str) -> list[Span]:
    """Return where a text says who somebody is, in order, none overlapping."""
    plain = PlainText(text)
    page = Page(plain.text)
    found = _merged(span for finder in FINDERS for span in finder(page).all())
    return [(plain.place(start), plain.place(end - 1) + 1) for start, end in found]


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return merged
