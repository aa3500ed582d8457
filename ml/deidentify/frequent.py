"""Frequent names that stand alone: no title, role or label makes them names."""

from collections.abc import Iterator

from ml.deidentify.page import Page, Span
from ml.deidentify.words import is_a_name, is_also_a_name

SHORTEST = 5  # letters of a name in a line where capitals say nothing
_BETWEEN = (" ", "-", ", ", ",")


class FrequentNames:
    """Finds "Jonathan" in "Jonathan presents today"; the name of an eponym ("Smith criteria") is none."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def all(self) -> Iterator[Span]:
        """Yield every span."""
        place = 0
        while place < len(self._page.tokens):
            end = place
            while self._is_a_name(end) and (end == place or self._page.gap(end) in _BETWEEN):
                end += 1
            if end > place and not self._is_an_eponym(place, end):
                yield self._page.span(place, end)
            place = max(end, place + 1)

    def _is_a_name(self, place: int) -> bool:
        if place == len(self._page.tokens):
            return False
        token = self._page.tokens[place]
        if not is_a_name(token.folded) or self._page.names.is_half_a_word(place):
            return False
        if token.is_cased:
            return token.is_capitalised and not token.written.isupper()
        return len(token.folded) >= SHORTEST

    def _is_an_eponym(self, first: int, end: int) -> bool:
        """Whether names stand beside a word as in "Smith criteria" or "Weaver-Dunn procedure"."""
        if first and self._page.gap(first) in _BETWEEN and is_also_a_name(self._page.tokens[first - 1].folded):
            return True
        return self._page.is_an_eponym(end)
