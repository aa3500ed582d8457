"""Unicode: letters that are written in another form count as the letters they stand for.

Ligatures ("ﬁ"), letters with combining marks ("o" and a diaeresis), full-width letters; soft hyphens and zero-width
characters are left out.
"""

import re
import unicodedata
from typing import NamedTuple

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
MOST_MARKS = 8  # combining marks that are read with one letter
_FORMS = frozenset({"", "<compat>", "<wide>", "<narrow>", "<font>"})  # not "½" or "m²", which are no letters


class Composed(NamedTuple):
    """A text in composed form: its character i is `written[starts[i] : ends[i]]`."""

    text: str
    written: str
    starts: list[int]
    ends: list[int]

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Return the place in the text as it is written of a stretch that is not empty."""
        return self.starts[start], self.ends[end - 1]


def compose(text: str) -> Composed | None:
    """Return a text in composed form, or None where it is that already."""
    if text.isascii() or (unicodedata.is_normalized("NFKC", text) and not _INVISIBLE.search(text)):
        return None
    letters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    place = 0
    while place < len(text):
        end = place + 1
        while end < len(text) and end - place <= MOST_MARKS and unicodedata.combining(text[end]):
            end += 1
        standing_for = _composed(text[place:end])
        letters.append(standing_for)
        starts += [place] * len(standing_for)
        ends += [end] * len(standing_for)
        place = end
    composed = "".join(letters)
    return None if composed == text else Composed(composed, text, starts, ends)


def _composed(cluster: str) -> str:
    """Return what a character with its combining marks stands for; other characters than letters and marks stay."""
    if _INVISIBLE.match(cluster):
        return cluster[1:]
    form = "".join(unicodedata.decomposition(cluster[0]).partition(">")[:2])
    form = form if form.startswith("<") else ""
    if form not in _FORMS or not (cluster[0].isalnum() or form == "<wide>"):
        return cluster
    return unicodedata.normalize("NFKC", cluster)
