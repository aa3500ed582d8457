"""Where a text names a practice or a hospital."""

from collections.abc import Iterator, Sequence

from ml.deidentify.cues import Cue, words
from ml.deidentify.names import Names
from ml.deidentify.tokens import Token
from ml.deidentify.words import is_a_name, is_known

LONGEST = 5  # tokens before or behind the word for an organisation
_WITHIN = ("", " ", "-", ". ", " & ", "'")
_BEHIND_A_PERSON = (", ", ",", " - ")


class Organisations:
    """Finds the names of organisations around words such as "hospital"."""

    def __init__(self, text: str, tokens: Sequence[Token], names: Names) -> None:
        self._text = text
        self._tokens = tokens
        self._names = names

    def around(self, cues: Sequence[Cue]) -> Iterator[tuple[int, int]]:
        """Yield the tokens (first, end) of "Cardiology Associates of Tulsa" and "LAKESHORE FAMILY MEDICINE".

        "Heart Clinic" alone names nobody and stays, unless a person's name stands before it: "Dr. Nwosu, Heart Clinic".
        """
        for cue in cues:
            head = self._tokens[cue.start]
            if head.is_cased and not head.is_capitalised:
                continue
            first, end = cue.start, cue.end
            while first > max(0, cue.start - LONGEST) and self._gap(first) in _WITHIN and self._goes_with(first - 1):
                first -= 1
            linked = head.folded in words("organisations_before")
            while (
                end < min(cue.end + LONGEST, len(self._tokens)) and self._gap(end) in _WITHIN and self._goes_with(end)
            ):
                linked = linked or self._is_link(end)
                end += 1
            while self._is_link(first):
                first += 1
            while self._is_link(end - 1):
                end -= 1
            named = [place for place in range(first, end) if self._is_a_name(place) and (place < cue.start or linked)]
            if named or self._is_behind_a_person(first):
                yield first, max(end if linked else cue.end, *(place + 1 for place in named), cue.end)

    def _goes_with(self, place: int) -> bool:
        token = self._tokens[place]
        if token.folded in words("organisation_words") | words("organisations"):
            return token.is_capitalised or not token.is_cased
        return self._is_link(place) or self._is_a_name(place)

    def _is_link(self, place: int) -> bool:
        return self._tokens[place].folded in words("organisation_links")

    def _is_a_name(self, place: int) -> bool:
        token = self._tokens[place]
        if token.folded in words("organisation_words") | words("organisations") or self._is_link(place):
            return False
        if not token.is_cased:
            behind_a_head = place and self._tokens[place - 1].folded in words("organisations_before")
            return is_a_name(token.folded) or (bool(behind_a_head) and token.is_word and not is_known(token.folded))
        return not token.written.isupper() and self._names.could_be(place)

    def _is_behind_a_person(self, place: int) -> bool:
        if not place or self._gap(place) not in _BEHIND_A_PERSON:
            return False
        return self._names.could_be(place - 1) or self._tokens[place - 1].folded in words("closing_credentials")

    def _gap(self, place: int) -> str:
        return self._text[self._tokens[place - 1].end : self._tokens[place].start]
