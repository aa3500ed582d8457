"""Where somebody's initials stand."""

import re
from collections.abc import Iterator

from ml.deidentify import shapes
from ml.deidentify.cues import words
from ml.deidentify.page import Page, Span
from ml.deidentify.words import is_known
from ml.labeling.tokens import fold

LONGEST = 4  # letters of initials, and parts of "BK/JD/KM"
LONGEST_SMALL = 3  # letters of initials that are written small
_WITHIN = ("", " ", "-", "/", " / ")
_BEHIND_A_LABEL = re.compile(r"\s?[:=#]?\s?")


class Initials:
    """Finds initials behind a label or a verdict."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def all(self) -> Iterator[Span]:
        """Yield every span."""
        yield from self._labelled()
        yield from self._signed_off()

    def _labelled(self) -> Iterator[Span]:
        """Find "Technician: KLM", "Technician: BK 4471" and "Reader: JD/KM"."""
        for cue in self._page.found("initials_labels"):
            first = cue.end
            if first + 1 < len(self._page.tokens) and not self._page.tokens[first].is_word:
                first += 1
            if first == len(self._page.tokens) or not self._are_initials(first):
                continue
            end = first + 1
            while end < min(cue.end + LONGEST, len(self._page.tokens)) and self._goes_with_initials(end):
                end += 1
            yield self._page.span(cue.start, end)

    def _signed_off(self) -> Iterator[Span]:
        """Find the initials of "AGREE. rjt" at the end of a line."""
        for cue in self._page.found("signed_off"):
            found = shapes.INITIALS_AT_THE_END.match(self._page.text, self._page.tokens[cue.end - 1].end)
            if found and not is_known(fold(found[1])):
                yield found.span(1)

    def _are_initials(self, place: int) -> bool:
        token, gap = self._page.tokens[place], self._page.gap(place)
        if not (1 < len(token.written) <= LONGEST and token.written.isalpha() and _BEHIND_A_LABEL.fullmatch(gap)):
            return False
        if token.folded in words("nobody"):
            return False
        signed = gap.strip() != ""
        if token.written.isupper() and signed:
            return True
        return not is_known(token.folded) and (
            token.written.isupper() or (signed and len(token.written) <= LONGEST_SMALL)
        )

    def _goes_with_initials(self, place: int) -> bool:
        token, gap = self._page.tokens[place], self._page.gap(place)
        short = len(token.written) <= LONGEST and gap != " "
        return gap in _WITHIN and (short or not token.is_word)
