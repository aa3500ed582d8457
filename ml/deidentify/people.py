"""Where a text names a person: beside a title, a role, a label, a credential, a first name, an initial or an age."""

import re
from bisect import bisect_left
from collections.abc import Iterator

from ml.deidentify import shapes
from ml.deidentify.cues import Cue, words
from ml.deidentify.names import Evidence
from ml.deidentify.page import COMMA, SPACE, Page, Span
from ml.deidentify.words import is_a_name, is_given_name, is_known

LONGEST_BEFORE = 4  # tokens of a name before a credential, a role or an age
LONGEST_ROLE = 4  # tokens

_TO_A_NAME = re.compile(r"[\s:#=.,;\"'’(*\[/–-]{0,8}")
_BEHIND_A_NUMBER = (" ", " - ", "-", ", ", ") ")
_BEFORE_A_ROLE = (*COMMA, " - ", " (")


class People:
    """Finds people by what stands beside their names."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def all(self) -> Iterator[Span]:
        """Yield every span."""
        yield from self._signed()
        yield from self._signed_on()
        yield from self._titled()
        yield from self._labelled()
        yield from self._credentialed()
        yield from self._with_a_role()
        yield from self._with_a_first_name()
        yield from self._with_an_initial()
        yield from self._with_an_age()

    def _signed(self) -> Iterator[Span]:
        """Find "Confirmed by GRANT MD on 3/1/2026"."""
        for cue in self._page.found("signs"):
            evidence: Evidence = "perhaps" if "weak_signs" in cue.kinds else "likely"
            end = self._name_behind(cue, evidence)
            if end == cue.end:
                end = max(self._name_behind_a_role(cue), self._name_behind_a_number(cue))
            eponym = "weak_signs" in cue.kinds and self._page.is_an_eponym(end)  # "per Bruce protocol"
            if end > cue.end and not eponym:
                start, stop = self._page.span(cue.start, end)
                dated = shapes.DATED.match(self._page.text, stop)
                yield start, dated.end() if dated else stop

    def _signed_on(self) -> Iterator[Span]:
        """Find "Electronically signed on 3/4/2021 9:12 by Ellen Sadler"."""
        starts = [token.start for token in self._page.tokens]
        for cue in self._page.found("signed_on"):
            dated = shapes.DATED.match(self._page.text, self._page.tokens[cue.end - 1].end)
            by = shapes.BY.match(self._page.text, dated.end()) if dated else None
            first = bisect_left(starts, by.end()) if by else len(starts)
            end = self._page.names.end(first, "likely")
            if end > first:
                yield self._page.span(cue.start, end)

    def _titled(self) -> Iterator[Span]:
        """Find "Dr. Hammond"."""
        for cue in self._page.found("titles"):
            title = self._page.tokens[cue.start]
            evidence: Evidence = "sure"
            if title.folded in words("short_titles"):
                if cue.start and not self._page.tokens[cue.start - 1].is_word and self._page.gap(cue.start) in SPACE:
                    continue  # "160 ms"
                if not title.is_capitalised:
                    stopped = self._page.text[title.end : title.end + 1] == "."
                    if title.is_cased and not stopped:
                        continue
                    evidence = "likely" if stopped else "perhaps"
                elif title.written.isupper():
                    evidence = "likely" if self._page.text[title.end : title.end + 1] == "." else "perhaps"
            end = self._name_behind(cue, evidence)
            if end > cue.end:
                yield self._page.span(cue.start, end)

    def _labelled(self) -> Iterator[Span]:
        """Find "Patient: John Smith" and the name in "pt Smith"."""
        for cue in self._page.found("name_labels"):
            if cue.end == len(self._page.tokens):
                continue
            careful = "careful_labels" in cue.kinds
            if shapes.SIGN.match(self._page.text, self._page.tokens[cue.end - 1].end):
                if careful and not self._is_a_person(cue.end):
                    continue
                end = self._name_behind(cue, "sure" if "sure_labels" in cue.kinds else "likely")
                if end > cue.end:
                    yield self._page.span(cue.start, end)
            elif "sure_labels" in cue.kinds and shapes.DASH.fullmatch(self._page.gap(cue.end)):
                end = self._page.names.end(cue.end, "likely")
                if end > cue.end:
                    yield self._page.span(cue.start, end)
            elif not careful and self._page.gap(cue.end) in (" ", ". ", "\t", ".\t"):
                end = self._page.names.end(cue.end, "perhaps")
                if end > cue.end:
                    yield self._page.span(cue.end, end)

    def _credentialed(self) -> Iterator[Span]:
        """Find "Elizabeth Corday, MD" and "RN Patterson"."""
        for place, token in enumerate(self._page.tokens):
            if token.folded not in words("closing_credentials") or not (token.is_capitalised or not token.is_cased):
                continue
            end, first = place + 1, place
            if end < len(self._page.tokens) and self._page.gap(end) in SPACE:
                end = self._page.names.end(end, "perhaps")
            while first > max(0, place - LONGEST_BEFORE) and self._page.gap(first) in (*SPACE, *COMMA, ". ", "-"):
                unheard_of = self._page.gap(first) in COMMA and self._page.names.is_unheard_of(first - 1)
                if not (unheard_of or self._page.names.could_be(first - 1) or self._page.names.is_initial(first - 1)):
                    break
                first -= 1
            if end - first > 1:
                yield self._page.span(first, end)

    def _with_a_role(self) -> Iterator[Span]:
        """Find "Fuchs, Oberärztin"."""
        for cue in self._page.found("roles"):
            if cue.start and self._page.gap(cue.start) in _BEFORE_A_ROLE:
                first = self._first_of_the_name_before(cue.start)
                if first < cue.start:
                    yield self._page.span(first, cue.end)

    def _with_a_first_name(self) -> Iterator[Span]:
        """Find "John Smith" and "SMITH, JOHN A 01/02/1944"."""
        past = 0  # the token behind the last name
        for place, token in enumerate(self._page.tokens):
            if place < past or not is_given_name(token.folded) or (token.is_cased and not token.is_capitalised):
                continue
            end, first = self._page.names.end(place, "likely"), place
            past = end
            if place and self._is_a_surname_before(place):
                first = place - 1
                while first and self._page.gap(first) == "-" and self._page.tokens[first - 1].is_capitalised:
                    first -= 1
            if end - first > 1:
                start, stop = self._page.span(first, end)
                born = shapes.BORN_BEHIND_A_NAME.match(self._page.text, stop) if first < place else None
                yield start, born.end() if born else stop

    def _with_an_initial(self) -> Iterator[Span]:
        """Find "M. Sturm"."""
        for place, token in enumerate(self._page.tokens[:-1]):
            if not (self._page.names.is_initial(place) and self._page.gap(place + 1) in (". ", ".") and token.is_cased):
                continue
            if (end := self._page.names.end(place, "perhaps")) > place + 1:
                yield self._page.span(place, end)

    def _with_an_age(self) -> Iterator[Span]:
        """Find the name in "Petrov, 72 y/o" and "Ramesh Iyer 55M"."""
        for place in range(1, len(self._page.tokens)):
            behind = self._page.tokens[place - 1].end
            if self._page.tokens[place].is_word or not shapes.AGE_BEHIND_A_NAME.match(self._page.text, behind):
                continue
            first = self._first_of_the_name_before(place)
            if first < place:
                yield self._page.span(first, place)

    def _name_behind(self, cue: Cue, evidence: Evidence) -> int:
        """Return the token behind the name that follows a cue; the cue's end where none follows."""
        between = self._page.gap_behind(cue)
        if not between or not _TO_A_NAME.fullmatch(between) or between.count("\n") > (":" in between):
            return cue.end
        return self._page.names.end(cue.end, evidence)

    def _name_behind_a_number(self, cue: Cue) -> int:
        """Return the token behind the name of "signed by: 4471 - Beauchamp"; the cue's end where there is none."""
        first = cue.end + 1
        if first >= len(self._page.tokens) or self._page.tokens[cue.end].is_word:
            return cue.end
        if not _TO_A_NAME.fullmatch(self._page.gap(cue.end)) or self._page.gap(first) not in _BEHIND_A_NUMBER:
            return cue.end
        end = self._page.names.end(first, "perhaps")
        return end if end > first else cue.end

    def _name_behind_a_role(self, cue: Cue) -> int:
        """Return the token behind the name of "paged intern Delacroix"; the cue's end where there is none."""
        first = cue.end
        while first < min(cue.end + LONGEST_ROLE, len(self._page.tokens)) and self._page.gap(first) in SPACE:
            if self._page.tokens[first].folded not in words("between"):
                end = self._page.names.end(first, "perhaps")
                return end if end > first > cue.end else cue.end
            first += 1
        return cue.end

    def _is_a_person(self, place: int) -> bool:
        """Whether a title, a first name, an initial or two words that reports do not use stand at a token."""
        word = self._page.tokens[place].folded
        if word in words("titles") or is_given_name(word) or self._page.names.is_initial(place):
            return True
        follows = place + 1 < len(self._page.tokens) and self._page.gap(place + 1) in (*SPACE, *COMMA)
        if follows and self._page.names.could_be(place) and self._page.names.could_be(place + 1):
            return True
        dated = shapes.DATED.match(self._page.text, self._page.tokens[place].end)
        return self._page.tokens[place].is_word and (is_a_name(word) or (dated is not None and not is_known(word)))

    def _first_of_the_name_before(self, place: int) -> int:
        """Return the first token of the name that ends before a token; the token itself where none does."""
        first = found = place
        while first > max(0, place - LONGEST_BEFORE):
            if first < place and self._page.gap(first) not in (*SPACE, *COMMA, ". ", "-"):
                break
            if self._page.names.is_unknown(first - 1):
                found = first - 1
            elif not (self._page.names.is_initial(first - 1) or self._page.names.could_be(first - 1)):
                halved = first < place and self._page.gap(first) == "-" and self._page.tokens[first - 1].is_capitalised
                if not halved:  # "Min-Ho"
                    break
            first -= 1
        return first if found < place else place

    def _is_a_surname_before(self, place: int) -> bool:
        """Whether a surname stands before a first name: "SMITH, JOHN", "Smith John"."""
        if self._page.gap(place) in SPACE:
            return self._page.names.is_unknown(place - 1)
        could_be = self._page.names.could_be(place - 1) or self._page.names.is_unheard_of(place - 1)
        return self._page.gap(place) in (*COMMA, "^", "/") and could_be
