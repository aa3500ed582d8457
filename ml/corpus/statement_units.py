"""The lines of a report taken apart into what a model should read as one statement each."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from ml.labeling.terms import Terms, place_and_meaning
from ml.labeling.tokens import fold, tokenize

_FILE = Path(__file__).with_name("statement_units.yaml")
_LONGEST_REPEAT = 4  # words that are written twice in a row


class Units:
    """Cuts lines by the phrases of `statement_units.yaml`, and gives the words of one program English names."""

    def __init__(self, content: dict[str, Any]) -> None:
        self._dropped = Terms((term, "") for term in content["administrative"])
        self._begins = _named(content["begins"])
        self._continues = _named(content["continues"])
        self._joins = frozenset(content["joins"])
        self._names = _named(entry for part in ("begins", "continues", "words") for entry in content[part])

    def kept(self, text: str) -> str:
        """Return a line without what is not of the tracing."""
        return replaced(text, self._places(self._dropped, text))

    def pieces(self, text: str) -> list[str]:
        """Return the statements of a line whose program writes no stop between them, in their order."""
        words, places = _words(text)
        starts = [start for start, _, _ in self._begins.walk(words, place_and_meaning)]
        cuts = [start for start in starts[1:] if words[start - 1] not in self._joins]
        ends = [0, *(places[2 * start] for start in cuts), len(text)]
        return [piece for start, end in pairwise(ends) if (piece := text[start:end].strip(" ,"))]

    def goes_on(self, text: str) -> bool:
        """Return whether a text only goes on with the statement before it."""
        words, _ = _words(text)
        return any((start, end) == (0, len(words)) for start, end, _ in self._continues.walk(words, place_and_meaning))

    def english(self, text: str) -> str:
        """Return a text with the names of the phrases that have one."""
        return replaced(text, [place for place in self._places(self._names, text) if place[2]])

    @staticmethod
    def _places(terms: Terms[str], text: str) -> list[tuple[int, int, str]]:
        words, places = _words(text)
        found = terms.walk(words, place_and_meaning)
        return [(places[2 * start], places[2 * end - 1], name) for start, end, name in found]


@lru_cache(maxsize=1)
def units() -> Units:
    """Return the release's."""
    return Units(yaml.safe_load(_FILE.read_text(encoding="utf-8")))


def said_once(words: Sequence[str]) -> list[str]:
    """Return words without those that repeat the ones before them: "left atrial enlargement enlargement"."""
    kept: list[str] = []
    for word in words:
        kept.append(word)
        for length in range(1, _LONGEST_REPEAT + 1):
            last = kept[-length:]
            if last == kept[-2 * length : -length] and not any(map(str.isdigit, last)):
                del kept[-length:]
                break
    return kept


def _named(entries: Iterable[dict[str, Any]]) -> Terms[str]:
    return Terms((term, entry.get("name", "")) for entry in entries for term in entry["terms"])


def _words(text: str) -> tuple[list[str], list[int]]:
    tokens = tokenize(text)
    return [fold(word) for word in tokens.words], tokens.places


def replaced(text: str, places: Iterable[tuple[int, int, str]]) -> str:
    """Return a text with other words for some stretches, in order: start, end, words.

    Of two that overlap the first counts.
    """
    written, last = [], 0
    for start, end, words in places:
        if start >= last:
            written += [text[last:start], words]
            last = end
    return "".join([*written, text[last:]])
