"""Where a text says who somebody is."""

import re
from bisect import bisect_left
from collections.abc import Iterator

from ml.deidentify import shapes
from ml.deidentify.cues import Cue, find, words
from ml.deidentify.names import Evidence, Names
from ml.deidentify.organisations import Organisations
from ml.deidentify.plain import PlainText
from ml.deidentify.tokens import tokens_of
from ml.deidentify.words import is_a_name, is_also_a_name, is_given_name, is_known, is_of_ecgs
from ml.labeling.tokens import fold

Span = tuple[int, int]

BEFORE_CREDENTIALS = 4  # tokens of a name
LONGEST_ADDRESS = 14  # tokens
LONGEST_FACILITY = 6  # tokens
LONGEST_ROLE = 4  # tokens
LONGEST_INITIALS = 4  # letters
SHORTEST_ALONE = 5  # letters of a name in a line where capitals say nothing

_APART = re.compile(r"[\n;:()\[\]|]|\s[-–]\s")  # no label goes across these
_TO_A_NAME = re.compile(r"[\s:#=.,;\"'’(*\[/–-]{0,8}")
_SPACE = ("", " ", "\t")
_COMMA = (",", ", ", ",\t")
# "EXAMPLE,PATIENT Q" at the beginning of a line
_BEFORE_A_ROLE = (*_COMMA, " - ", " (")
_NAMES = (" ", "-", ", ", ",")
_LOWER = 3  # letters of initials that are written small
_WITHIN_INITIALS = ("", " ", "-", "/", " / ")
_HEADER = re.compile(r"\W{0,4}([^\W\d_][\w'’-]{1,30}, ?[^\W\d_][\w'’-]{0,30}(?:\s[^\W\d_]\.?(?!\w))?)(?![\w-])")


def identifiers(text: str) -> list[Span]:
    """Return where a text says who somebody is, in order, none overlapping."""
    plain = PlainText(text)
    return [(plain.place(start), plain.place(end - 1) + 1) for start, end in _merged([*_Finder(plain.text).all()])]


class _Finder:
    """Looks for every kind of identifier in one plain text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens_of(text)
        self._names = Names(text, self._tokens)
        self._cues = self._all_cues()

    def all(self) -> Iterator[Span]:
        numbers = [*shapes.shaped(self._text), *self._numbers()]
        yield from numbers
        yield from self._signed()
        yield from self._signed_on()
        yield from self._titled()
        yield from self._labelled()
        yield from self._initialled()
        yield from self._signed_off()
        yield from self._credentialed()
        yield from self._with_a_role()
        yield from self._with_a_first_name()
        yield from self._with_an_initial()
        yield from self._alone()
        yield from self._with_an_age()
        yield from self._organisations()
        yield from self._facilities()
        yield from self._addresses()
        yield from self._headers({self._text.rfind("\n", 0, start) + 1 for start, _ in numbers})

    def _signed(self) -> Iterator[Span]:
        """Find "Confirmed by GRANT MD on 3/1/2026"."""
        for cue in self._found("signs"):
            evidence: Evidence = "perhaps" if "weak_signs" in cue.kinds else "likely"
            end = self._name_behind(cue, evidence)
            if end == cue.end:
                end = self._name_behind_a_role(cue)
            if end > cue.end:
                start, stop = self._span(cue.start, end)
                dated = shapes.DATED.match(self._text, stop)
                yield start, dated.end() if dated else stop

    def _signed_on(self) -> Iterator[Span]:
        """Find "Electronically signed on 3/4/2021 9:12 by Ellen Sadler"."""
        starts = [token.start for token in self._tokens]
        for cue in self._found("signed_on"):
            dated = shapes.DATED.match(self._text, self._tokens[cue.end - 1].end)
            by = shapes.BY.match(self._text, dated.end()) if dated else None
            first = bisect_left(starts, by.end()) if by else len(starts)
            end = self._names.end(first, "likely")
            if end > first:
                yield self._span(cue.start, end)

    def _titled(self) -> Iterator[Span]:
        """Find "Dr. Hammond"."""
        for cue in self._found("titles"):
            title = self._tokens[cue.start]
            evidence: Evidence = "sure"
            if title.folded in words("short_titles"):
                if cue.start and not self._tokens[cue.start - 1].is_word and self._gap(cue.start) in _SPACE:
                    continue  # "160 ms"
                if not title.is_capitalised:
                    stopped = self._text[title.end : title.end + 1] == "."
                    if title.is_cased and not stopped:
                        continue
                    evidence = "likely" if stopped else "perhaps"
                elif title.written.isupper():
                    evidence = "likely" if self._text[title.end : title.end + 1] == "." else "perhaps"
            end = self._name_behind(cue, evidence)
            if end > cue.end:
                yield self._span(cue.start, end)

    def _labelled(self) -> Iterator[Span]:
        """Find "Patient: John Smith" and the name in "pt Smith"."""
        for cue in self._found("name_labels"):
            if cue.end == len(self._tokens):
                continue
            careful = "careful_labels" in cue.kinds
            if shapes.SIGN.match(self._text, self._tokens[cue.end - 1].end):
                if careful and not self._is_a_person(cue.end):
                    continue
                end = self._name_behind(cue, "sure" if "sure_labels" in cue.kinds else "likely")
                if end > cue.end:
                    yield self._span(cue.start, end)
            elif "sure_labels" in cue.kinds and shapes.DASH.fullmatch(self._gap(cue.end)):
                end = self._names.end(cue.end, "likely")
                if end > cue.end:
                    yield self._span(cue.start, end)
            elif not careful and self._gap(cue.end) in (" ", ". ", "\t", ".\t"):
                end = self._names.end(cue.end, "perhaps")
                if end > cue.end:
                    yield self._span(cue.end, end)

    def _initialled(self) -> Iterator[Span]:
        """Find "Technician: KLM", "Technician: BK 4471" and "Reader: JD/KM"."""
        for cue in self._found("initials_labels"):
            if cue.end == len(self._tokens) or not self._are_initials(cue.end):
                continue
            end = cue.end + 1
            while end < min(cue.end + LONGEST_INITIALS, len(self._tokens)) and self._goes_with_initials(end):
                end += 1
            yield self._span(cue.start, end)

    def _signed_off(self) -> Iterator[Span]:
        """Find the initials of "AGREE. rjt" at the end of a line."""
        for cue in self._found("signed_off"):
            found = shapes.INITIALS_AT_THE_END.match(self._text, self._tokens[cue.end - 1].end)
            if found and not is_known(fold(found[1])):
                yield found.span(1)

    def _credentialed(self) -> Iterator[Span]:
        """Find "Elizabeth Corday, MD" and "RN Patterson"."""
        for place, token in enumerate(self._tokens):
            if token.folded not in words("closing_credentials") or not (token.is_capitalised or not token.is_cased):
                continue
            end, first = place + 1, place
            if end < len(self._tokens) and self._gap(end) in _SPACE:
                end = self._names.end(end, "perhaps")
            while first > max(0, place - BEFORE_CREDENTIALS) and self._gap(first) in (*_SPACE, *_COMMA, ". ", "-"):
                unheard_of = self._gap(first) in _COMMA and self._names.is_unheard_of(first - 1)
                if not (unheard_of or self._names.could_be(first - 1) or self._names.is_initial(first - 1)):
                    break
                first -= 1
            if end - first > 1:
                yield self._span(first, end)

    def _with_a_role(self) -> Iterator[Span]:
        """Find "Fuchs, Oberärztin"."""
        for cue in self._found("roles"):
            if cue.start and self._gap(cue.start) in _BEFORE_A_ROLE:
                first = self._first_of_the_name_before(cue.start)
                if first < cue.start:
                    yield self._span(first, cue.end)

    def _with_a_first_name(self) -> Iterator[Span]:
        """Find "John Smith" and "SMITH, JOHN A 01/02/1944"."""
        past = 0  # the token behind the last name
        for place, token in enumerate(self._tokens):
            if place < past or not is_given_name(token.folded) or (token.is_cased and not token.is_capitalised):
                continue
            end, first = self._names.end(place, "likely"), place
            past = end
            if place and self._is_a_surname_before(place):
                first = place - 1
                while first and self._gap(first) == "-" and self._tokens[first - 1].is_capitalised:
                    first -= 1
            if end - first > 1:
                start, stop = self._span(first, end)
                born = shapes.BORN_BEHIND_A_NAME.match(self._text, stop) if first < place else None
                yield start, born.end() if born else stop

    def _with_an_initial(self) -> Iterator[Span]:
        """Find "M. Sturm"."""
        for place, token in enumerate(self._tokens[:-1]):
            if not (self._names.is_initial(place) and self._gap(place + 1) in (". ", ".") and token.is_cased):
                continue
            if (end := self._names.end(place, "perhaps")) > place + 1:
                yield self._span(place, end)

    def _alone(self) -> Iterator[Span]:
        """Find frequent names that no other word makes one: "Jonathan presents today"."""
        place = 0
        while place < len(self._tokens):
            end = place
            while (
                end < len(self._tokens) and self._is_a_frequent_name(end) and (end == place or self._gap(end) in _NAMES)
            ):
                end += 1
            if end > place and not self._is_an_eponym(place, end):
                yield self._span(place, end)
            place = max(end, place + 1)

    def _is_a_frequent_name(self, place: int) -> bool:
        token = self._tokens[place]
        if not is_a_name(token.folded) or self._names.is_half_a_word(place):
            return False
        if token.is_cased:
            return token.is_capitalised and not token.written.isupper()
        return len(token.folded) >= SHORTEST_ALONE

    def _is_an_eponym(self, first: int, end: int) -> bool:
        """Whether names stand beside a word as in "Smith criteria" or "Weaver-Dunn procedure"."""
        if first and self._gap(first) in _NAMES and is_also_a_name(self._tokens[first - 1].folded):
            return True
        while end < len(self._tokens) and self._gap(end) in ("-", " ", "' ", "’ "):
            word = self._tokens[end].folded
            if word in words("eponym_nouns"):
                return True
            if not (is_a_name(word) or is_also_a_name(word)):
                return False
            end += 1
        return False

    def _with_an_age(self) -> Iterator[Span]:
        """Find the name in "Petrov, 72 y/o" and "Ramesh Iyer 55M"."""
        for place in range(1, len(self._tokens)):
            behind = self._tokens[place - 1].end
            if self._tokens[place].is_word or not shapes.AGE_BEHIND_A_NAME.match(self._text, behind):
                continue
            first = self._first_of_the_name_before(place)
            if first < place:
                yield self._span(first, place)

    def _organisations(self) -> Iterator[Span]:
        """Find "Cardiology Associates of Tulsa"."""
        cues = self._found("organisations")
        if cues:
            for first, end in Organisations(self._text, self._tokens, self._names).around(cues):
                yield self._span(first, end)

    def _facilities(self) -> Iterator[Span]:
        """Find "Clinic: Riverside Heart and Vascular": to the end of the line or column."""
        for cue in self._found("facility_labels"):
            end = cue.end
            if not shapes.SIGN.match(self._text, self._tokens[cue.end - 1].end):
                continue
            while end < min(len(self._tokens), cue.end + LONGEST_FACILITY) and (
                end == cue.end or self._gap(end) in (" ", "-", ". ", " & ", ", ", "'")
            ):
                if is_of_ecgs(self._tokens[end].folded) and self._tokens[end].folded not in words("organisation_words"):
                    break
                end += 1
            if any(self._names.could_be(place) for place in range(cue.end, end)):
                yield self._span(cue.start, end)

    def _numbers(self) -> Iterator[Span]:
        """Find numbers, dates of birth and places behind their labels."""
        values = {
            "number_labels": shapes.NUMBER,
            "weak_numbers": shapes.SIGNED_NUMBER,
            "birth_labels": shapes.BORN,
            "place_labels": shapes.PLACE,
            "coloned_places": shapes.COLONED_PLACE,
            "contact_labels": shapes.CONTACT,
            "user_labels": shapes.USER,
        }
        for kind, shape in values.items():
            for cue in self._found(kind):
                if found := shape.match(self._text, self._tokens[cue.end - 1].end):
                    yield self._tokens[cue.start].start, found.end()

    def _addresses(self) -> Iterator[Span]:
        """Find "Address: 12 Elm Street, Springfield": to the end of the line, or to the first word of ECGs."""
        for cue in self._found("address_labels"):
            end = cue.end
            while end < min(len(self._tokens), cue.end + LONGEST_ADDRESS):
                if is_of_ecgs(self._tokens[end].folded) or ("\n" in self._gap(end)) or ";" in self._gap(end):
                    break
                end += 1
            if any(not token.is_word for token in self._tokens[cue.end : end]) or ":" in self._gap_behind(cue):
                yield self._span(cue.start, end)

    def _headers(self, numbered: set[int]) -> Iterator[Span]:
        """Find "EXAMPLE,PATIENT Q" at the start of a line; `numbered` are where lines with a person's number begin."""
        start = 0
        for line in self._text.split("\n"):
            end = start + len(line)
            found = _HEADER.match(self._text, start, end)
            if found and self._is_header(found[1], self._text[found.end() : end], start in numbered):
                born = shapes.BORN_BEHIND_A_NAME.match(self._text, found.end())
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

    def _name_behind(self, cue: Cue, evidence: Evidence) -> int:
        """Return the token behind the name that follows a cue; the cue's end where none follows."""
        between = self._gap_behind(cue)
        if not between or not _TO_A_NAME.fullmatch(between) or between.count("\n") > (":" in between):
            return cue.end
        return self._names.end(cue.end, evidence)

    def _name_behind_a_role(self, cue: Cue) -> int:
        """Return the token behind the name of "paged intern Delacroix"; the cue's end where there is none."""
        first = cue.end
        while first < min(cue.end + LONGEST_ROLE, len(self._tokens)) and self._gap(first) in _SPACE:
            if self._tokens[first].folded not in words("between"):
                end = self._names.end(first, "perhaps")
                return end if end > first > cue.end else cue.end
            first += 1
        return cue.end

    def _is_a_person(self, place: int) -> bool:
        """Whether a title, a first name, an initial or two words that reports do not use stand at a token."""
        word = self._tokens[place].folded
        if word in words("titles") or is_given_name(word) or self._names.is_initial(place):
            return True
        follows = place + 1 < len(self._tokens) and self._gap(place + 1) in (*_SPACE, *_COMMA)
        if follows and self._names.could_be(place) and self._names.could_be(place + 1):
            return True
        dated = shapes.DATED.match(self._text, self._tokens[place].end)
        return self._tokens[place].is_word and (is_a_name(word) or (dated is not None and not is_known(word)))

    def _first_of_the_name_before(self, place: int) -> int:
        """Return the first token of the name that ends before a token; the token itself where none does."""
        first = found = place
        while first > max(0, place - BEFORE_CREDENTIALS):
            if first < place and self._gap(first) not in (*_SPACE, *_COMMA, ". ", "-"):
                break
            if self._names.is_unknown(first - 1):
                found = first - 1
            elif not (self._names.is_initial(first - 1) or self._names.could_be(first - 1)):
                break
            first -= 1
        return first if found < place else place

    def _is_a_surname_before(self, place: int) -> bool:
        """Whether a surname stands before a first name: "SMITH, JOHN", "Smith John"."""
        if self._gap(place) in _SPACE:
            return self._names.is_unknown(place - 1)
        could_be = self._names.could_be(place - 1) or self._names.is_unheard_of(place - 1)
        return self._gap(place) in (*_COMMA, "^", "/") and could_be

    def _are_initials(self, place: int) -> bool:
        token, gap = self._tokens[place], self._gap(place)
        if not (1 < len(token.written) <= LONGEST_INITIALS and token.written.isalpha()):
            return False
        if not gap.strip() and is_known(token.folded):
            return False
        if not token.written.isupper() and (is_known(token.folded) or not gap.strip() or len(token.written) > _LOWER):
            return False
        return re.fullmatch(r"\s?[:=#]?\s?", gap) is not None

    def _goes_with_initials(self, place: int) -> bool:
        token, gap = self._tokens[place], self._gap(place)
        short = len(token.written) <= LONGEST_INITIALS and gap != " "
        return gap in _WITHIN_INITIALS and (short or not token.is_word)

    def _all_cues(self) -> list[Cue]:
        words: list[str] = []  # of the tokens, with a mark where no label goes across
        places: list[int] = []  # the token of each
        for place, token in enumerate(self._tokens):
            if place and _APART.search(self._gap(place)):
                words.append("\n")
                places.append(place)
            words.append(token.folded)
            places.append(place)
        return [Cue(places[cue.start], places[cue.end - 1] + 1, cue.kinds) for cue in find(words)]

    def _found(self, kind: str) -> list[Cue]:
        return [cue for cue in self._cues if kind in cue.kinds]

    def _span(self, first: int, end: int) -> Span:
        """Return the characters of tokens `first` to `end` (exclusive), with the bracket that they open."""
        start, stop = self._tokens[first].start, self._tokens[end - 1].end
        if digits := shapes.DIGITS.match(self._text, stop):
            stop = digits.end()  # "jsm02"
        if self._text[stop : stop + 1] == ")" and "(" in self._text[start:stop]:
            stop += 1
        return start, stop

    def _gap(self, place: int) -> str:
        """Return what stands between a token and the one before it."""
        return self._text[self._tokens[place - 1].end : self._tokens[place].start]

    def _gap_behind(self, cue: Cue) -> str:
        return self._gap(cue.end) if cue.end < len(self._tokens) else ""


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return merged
