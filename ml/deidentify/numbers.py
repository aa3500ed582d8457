"""Where a text holds somebody's number, date of birth, place or address, or a line's header with a name."""

import re
from collections.abc import Iterator

from ml.deidentify import shapes
from ml.deidentify.page import Page, Span
from ml.deidentify.words import is_known, is_of_ecgs
from ml.labeling.tokens import fold

LONGEST_ADDRESS = 14  # tokens

_VALUES = {
    "number_labels": shapes.NUMBER,
    "weak_numbers": shapes.SIGNED_NUMBER,
    "birth_labels": shapes.BORN,
    "place_labels": shapes.PLACE,
    "coloned_places": shapes.COLONED_PLACE,
    "contact_labels": shapes.CONTACT,
    "user_labels": shapes.USER,
}
# "EXAMPLE,PATIENT Q" at the beginning of a line
_HEADER = re.compile(r"\W{0,4}([^\W\d_][\w'’-]{1,30}, ?[^\W\d_][\w'’-]{0,30}(?:\s[^\W\d_]\.?(?!\w))?)(?![\w-])")


class Numbers:
    """Finds what is known by its label or its shape."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def all(self) -> Iterator[Span]:
        """Yield every span."""
        numbers = [*shapes.shaped(self._page.text), *self._labelled()]
        yield from numbers
        yield from self._addresses()
        yield from self._headers({self._page.text.rfind("\n", 0, start) + 1 for start, _ in numbers})

    def _labelled(self) -> Iterator[Span]:
        """Find numbers, dates of birth and places behind their labels."""
        for kind, shape in _VALUES.items():
            for cue in self._page.found(kind):
                if found := shape.match(self._page.text, self._page.tokens[cue.end - 1].end):
                    yield self._page.tokens[cue.start].start, found.end()

    def _addresses(self) -> Iterator[Span]:
        """Find "Address: 12 Elm Street, Springfield": to the end of the line, or to the first word of ECGs."""
        for cue in self._page.found("address_labels"):
            end = cue.end
            while end < min(len(self._page.tokens), cue.end + LONGEST_ADDRESS):
                if (
                    is_of_ecgs(self._page.tokens[end].folded)
                    or ("\n" in self._page.gap(end))
                    or ";" in self._page.gap(end)
                ):
                    break
                end += 1
            if any(not token.is_word for token in self._page.tokens[cue.end : end]) or ":" in self._page.gap_behind(
                cue
            ):
                yield self._page.span(cue.start, end)

    def _headers(self, numbered: set[int]) -> Iterator[Span]:
        """Find "EXAMPLE,PATIENT Q" at the start of a line; `numbered` are where lines with a person's number begin."""
        start = 0
        for line in self._page.text.split("\n"):
            end = start + len(line)
            found = _HEADER.match(self._page.text, start, end)
            if found and self._is_header(found[1], self._page.text[found.end() : end], start in numbered):
                born = shapes.BORN_BEHIND_A_NAME.match(self._page.text, found.end())
                yield found.start(1), born.end() if born else found.end()
            start = end + 1

    def _is_header(self, name: str, rest: str, numbered: bool) -> bool:
        last, _, first = name.partition(",")
        column = rest.startswith("\t")
        parts = [fold(part.split()[0]) for part in (last, first)]
        if all(map(is_known, parts)):
            return numbered and column and not first.startswith(" ")
        if any(map(is_of_ecgs, parts)):
            return False
        born = shapes.BORN_BEHIND_A_NAME.match(rest) is not None
        return last[0].isupper() and (numbered or born or (column and name.isupper()))
