"""Where a text names a practice or a hospital."""

from collections.abc import Iterator

from ml.deidentify import shapes
from ml.deidentify.cues import words
from ml.deidentify.page import COMMA, Page, Span
from ml.deidentify.words import is_a_name, is_known, is_of_ecgs

LONGEST = 5  # tokens before or behind the word for an organisation
_WITHIN = ("", " ", "-", ". ", " & ", "'")
_BEHIND_A_PERSON = (*COMMA, " - ")


class Organisations:
    """Finds organisations by words such as "hospital" and by labels such as "Clinic:"."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def all(self) -> Iterator[Span]:
        """Yield every span."""
        yield from self._named()
        yield from self._labelled()

    def _named(self) -> Iterator[Span]:
        """Find "Cardiology Associates of Tulsa" and "LAKESHORE FAMILY MEDICINE".

        "Heart Clinic" alone names nobody and stays, unless a person's name stands before it: "Dr. Nwosu, Heart Clinic".
        """
        for cue in self._page.found("organisations"):
            head = self._page.tokens[cue.start]
            if head.is_cased and not head.is_capitalised:
                continue
            first, end = self._reach(cue.start, -1), self._reach(cue.end - 1, 1) + 1
            behind = range(cue.end, end)
            linked = head.folded in words("organisations_before") or any(map(self._is_link, behind))
            named = [*filter(self._is_a_name, (*range(first, cue.start), *(behind if linked else ())))]
            if named or self._is_behind_a_person(first):
                yield self._page.span(first, max(cue.end, *(place + 1 for place in named), 0))

    def _labelled(self) -> Iterator[Span]:
        """Find "Clinic: Riverside Heart and Vascular"."""
        for cue in self._page.found("facility_labels"):
            if not shapes.SIGN.match(self._page.text, self._page.tokens[cue.end - 1].end):
                continue
            end = cue.end
            while end < min(len(self._page.tokens), cue.end + LONGEST) and self._may_be_called(
                end, first=end == cue.end
            ):
                end += 1
            if any(map(self._page.names.could_be, range(cue.end, end))):
                yield self._page.span(cue.start, end)

    def _reach(self, place: int, step: int) -> int:
        """Return the last token, in a direction, that may belong to an organisation's name and is no link."""
        reached = place
        for _ in range(LONGEST):
            beside = place + step
            if not 0 <= beside < len(self._page.tokens) or self._page.gap(max(place, beside)) not in _WITHIN:
                break
            if not self._goes_with(beside):
                break
            place = beside
            if not self._is_link(place):
                reached = place
        return reached

    def _goes_with(self, place: int) -> bool:
        token = self._page.tokens[place]
        if self._is_generic(place):
            return token.is_capitalised or not token.is_cased
        return self._is_link(place) or self._is_a_name(place)

    def _is_link(self, place: int) -> bool:
        return self._page.tokens[place].folded in words("organisation_links")

    def _is_generic(self, place: int) -> bool:
        return self._page.tokens[place].folded in words("organisation_words") | words("organisations")

    def _is_a_name(self, place: int) -> bool:
        token = self._page.tokens[place]
        if self._is_generic(place) or self._is_link(place):
            return False
        if token.is_cased:
            return not token.written.isupper() and self._page.names.could_be(place)
        behind_a_head = place > 0 and self._page.tokens[place - 1].folded in words("organisations_before") | {
            "of",
            "bad",
        }
        return is_a_name(token.folded) or (behind_a_head and token.is_word and not is_known(token.folded))

    def _is_behind_a_person(self, place: int) -> bool:
        if not place or self._page.gap(place) not in _BEHIND_A_PERSON:
            return False
        before = self._page.tokens[place - 1].folded
        could_be = self._page.names.could_be(place - 1) or self._page.names.is_unheard_of(place - 1)
        return could_be or before in words("closing_credentials")

    def _may_be_called(self, place: int, *, first: bool) -> bool:
        """Whether a token behind "Clinic:" may belong to its name: it speaks of no ECG."""
        within = first or self._page.gap(place) in (*_WITHIN, ", ")
        return within and (self._is_generic(place) or not is_of_ecgs(self._page.tokens[place].folded))
