"""From a report to its sentences: wrapped lines are rejoined, and what is no diagnosis is left out."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from ml.labeling.blanks import SECOND, Blanks
from ml.labeling.fields import LENGTH as FIELD_LENGTH
from ml.labeling.fields import FieldFinder
from ml.labeling.lexicon import FUSED, Lexicon
from ml.labeling.tokens import fold, tokenize, words_of
from ml.labeling.vocabulary import Vocabulary
from ml.labeling.wraps import Edges, Wraps

# A run of blanks or stops is tried at one place only, and given back no character: or a long run costs its square.
_BREAK = re.compile(
    r"[\r\n\t;|•·▪~\f\v\x85\u2028\u2029]+ *"
    r"|(?<! ) {3,}+(?![+-]?\d{1,3}(?:\s|$))"
    r"|(?:(?<=[^\s.?!])|(?<=\s[.?!])|(?<=^[.?!]))[.?!]++(?=\s|$)"
)
_LINE_BREAK = re.compile(r"[\r\n]| {3,}")
_BULLET = re.compile(r"[\s\-*>•.,\"'=#]*(?:\d{1,2}[.)](?=\s)[\s\-*]*)?")
_TAIL = " \t\r\n-*<>\"'=.,"
_LETTER = re.compile(r"[^\W\d_]")
_WORD_BEFORE = re.compile(r"(?<![^\W_])[^\W_]*+$")
_STOP = re.compile(r"(?<=[^\s.?!])\. +(?![.?!])")
_SPANNING = ("..", "[", "\\", "\r")  # what may say something of more than its sentence
_BREAKING = frozenset(".?!;")  # the words that `_BREAK` may find: the rest of it is between words
_BETWEEN = frozenset(
    {"", " ", "  ", "-", "'", '"', "%", "*", "**", "***", "* ", "** ", "*** ", " *", "=", "<", ">", "#"}
)  # what stands between words and breaks nothing
_HISTORY = ("history", "history_dropped")
CACHED_LENGTH = 200
CACHED_WORDS = 64  # lines
CACHED_LINE = 5_000  # characters: no text of a megabyte stays in memory
EDGE_LENGTH = 60  # characters on either side of a line break
ANSWER_LENGTH = 20  # characters
SHORT = 20  # characters of a line that may be a part of a term
_FINDINGS = frozenset({"mention", "head"})


class Stretch(NamedTuple):
    """A sentence's place in a text; `past` when it is a field about the patient's history."""

    start: int
    end: int
    past: bool


class Words(NamedTuple):
    """The words of a text as the lexicon knows them, `places` as in `Tokens`.

    `plain`: nothing in the text is left out of it, and no line or field ends in it. `alone`: it is one sentence as it
    stands, but for the marks behind `end`.
    """

    known: tuple[str, ...]
    places: list[int]
    plain: bool
    alone: bool
    end: int


class Splitter:
    """Splits reports with a vocabulary's words for fields, abbreviations and what lines begin and end with."""

    def __init__(self, vocabulary: Vocabulary, lexicon: Lexicon) -> None:
        self._fields = FieldFinder(vocabulary)
        self._blanks = Blanks(vocabulary, lexicon)
        self._abbreviations = frozenset(fold(word) for word in vocabulary.abbreviations.all())
        self._lexicon = lexicon
        self._resuming = tuple(sorted({" ".join(words) for words in lexicon.neighbours({"variant"}, ())[0]}))
        self._resuming_words = {phrase.split()[0] for phrase in self._resuming}
        self._spanning = (*self._blanks.signed_by, *self._resuming)
        self._wraps = Wraps(lexicon)
        self._edges = lru_cache(maxsize=20_000)(self._edge_words)
        self._words_again = lru_cache(maxsize=CACHED_WORDS)(self._words)  # of a line: for its edges, and for reading it

    def passages(self, text: str) -> Iterator[tuple[int, str]]:
        """Yield the lines of a text, each with its place; lines that may be one wrapped statement stay together.

        Read alone, each says what it says in the whole text. Only the words on both sides of a line break are
        looked at here: `split` decides.
        """
        if "\n" not in text:
            yield 0, text
            return
        may_go_on = self._wraps.may_go_on
        place = first = 0
        last: Edges | None = None  # of the passage's last line so far
        for line in text.split("\n"):
            if line and not line.isspace():
                edges = (self._edges if len(line) <= CACHED_LENGTH else self._edge_words)(line)
                if last is None:
                    first = place
                elif not (edges.resumes or may_go_on(last, edges)):
                    yield first, text[first : place - 1]
                    first = place
                last = edges
            place += len(line) + 1
        if last is not None:
            yield first, text[first:]

    def sentences(self, lines: str) -> list[tuple[int, str]]:
        """Return the sentences of a passage, each with its place; all in one where something spans several."""
        if ". " not in lines or any(mark in lines for mark in _SPANNING) or self._spans(lines):
            return [(0, lines)]
        found: list[tuple[int, str]] = []
        start = 0
        for stop in _STOP.finditer(lines):
            if not self._abbreviates(lines, start, stop.start()):
                found.append((start, lines[start : stop.start() + 1]))
                start = stop.end()
        return [*found, (start, lines[start:])]

    def _edge_words(self, line: str) -> Edges:
        words = self.words(line)
        if not words.plain:
            words = self._words(self._blanks.blanked(line))
        known = words.known
        count = len(known)
        while count > 1 and known[count - 1] == ".":
            count -= 1
        if count < 2:
            return Edges(known[0], "", "", known[0]) if count else Edges("", "", "", "")
        return Edges(known[0], known[1], known[count - 2], known[count - 1], self._may_resume(line, known))

    def words(self, text: str) -> Words:
        """Return the words of a sentence or line, as the lexicon knows them."""
        return self._words_again(text) if len(text) <= CACHED_LINE else self._words(text)

    def _words(self, text: str) -> Words:
        stretches, places = tokenize(text)
        written = stretches[1::2]
        known = tuple(self._lexicon.known(written))
        if FUSED in known:
            known, places = self._apart(written, places)
        plain = (
            _BETWEEN.issuperset(stretches[::2])
            and self._lexicon.signatures.isdisjoint(known)
            and "[" not in text
            and ".." not in text
            and SECOND not in text
        )
        if not (plain and text[:1].isalpha()):
            return Words(known, places, plain, False, len(text))
        end = len(text.rstrip(_TAIL))
        if fold(written[0]) in self._fields.begins and self._fields.kind(text[: min(end, FIELD_LENGTH)]) is not None:
            return Words(known, places, plain, False, end)
        count = len(known)
        while places[2 * count - 1] > end:
            count -= 1
        known_to_end = known[:count]
        alone = _BREAKING.isdisjoint(known_to_end) or _BREAK.search(text, 0, end) is None
        return Words(known, places, plain, alone, end)

    def _apart(self, written: Sequence[str], places: Sequence[int]) -> tuple[tuple[str, ...], list[int]]:
        """Return the known words and their places with those apart that are written as one: "probableleft"."""
        known: list[str] = []
        apart: list[int] = []
        for i, word in enumerate(written):
            place, end = places[2 * i : 2 * i + 2]
            for part in self._lexicon.parts(word) or [word]:
                apart += [place, place + len(part)]
                place = apart[-1]
                known += self._lexicon.known([part])
            assert place == end
        return tuple(known), [*apart, places[-1]]

    def _spans(self, lines: str) -> bool:
        return any(map(lines.lower().__contains__, self._spanning))

    def _may_resume(self, text: str, known: Sequence[str]) -> bool:
        begins = not self._resuming_words.isdisjoint(known)  # few have one of these
        return begins and any(map(text.lower().__contains__, self._resuming))

    def split(self, text: str) -> list[Stretch]:
        """Return the sentences of a text in order; none overlap."""
        blanked = self._blanks.blanked(text)
        pieces: list[Stretch] = []
        joins, kind, last, measured = False, None, 0, False
        for start, end, breaks_line in self._raw(blanked):
            listed = kind in _HISTORY and blanked[last:start].strip() == ";"  # "Hx: LVH; AF"
            in_row = measured and blanked[last:start].strip(" ") == ""
            last, measured = end, False
            if pieces and self._goes_on(blanked, pieces[-1].end, start, end, wraps=joins):
                pieces[-1] = Stretch(pieces[-1].start, end, pieces[-1].past)
            else:
                kind = self._fields.kind(blanked[start : min(end, start + FIELD_LENGTH)]) or (kind if listed else None)
                if kind == "measurement_in_row":
                    kind = "measurement" if in_row else None
                if kind == "measurement" and (start := self._fields.past_measurements(blanked, start, end)) < end:
                    kind = None
                measured = kind == "measurement"
                joins = kind in (None, "history")
                if joins:
                    pieces.append(Stretch(start, end, kind == "history"))
            joins = joins and breaks_line
        trimmed = [_trim(text, piece) for piece in pieces]
        return [piece for piece in trimmed if piece.start < piece.end]

    def _raw(self, text: str) -> list[tuple[int, int, bool]]:
        """Return the stretches between breaks, and for each whether it ends in a line break that may be a wrap."""
        found: list[tuple[int, int, bool]] = []
        start = 0
        for match in _BREAK.finditer(text):
            mark = match[0]
            end, past = match.span()
            if mark[0] in ".?!":
                if mark == "." and self._abbreviates(text, start, end):
                    continue
                if "?" in mark:
                    end = past
                breaks_line = False
            else:
                breaks_line = _LINE_BREAK.match(mark) is not None
            if start < end and not text[start:end].isspace():
                found.append((start, end, breaks_line))
            start = past
        if start < len(text) and not text[start:].isspace():
            found.append((start, len(text), False))
        return found

    def _goes_on(self, text: str, last: int, start: int, end: int, *, wraps: bool) -> bool:
        """Whether a stretch goes on with the sentence that ends at `last`; `wraps`: a line break is between them."""
        return (
            self._answers(text, last, start, end)
            or self._resumes(text, start, end)
            or (wraps and self._wraps.wrapped(*_around(text, last, start, end)))
        )

    def _resumes(self, text: str, start: int, end: int) -> bool:
        """Whether a stretch only says of the finding before it that it may be normal: "LVH. This may be normal"."""
        if end - start > FIELD_LENGTH or not any(map(text[start:end].lower().__contains__, self._resuming)):
            return False
        kinds = {item.kind for item in self._lexicon.items(self._lexicon.spelt(tokenize(text[start:end]).words))}
        return "variant" in kinds and kinds.isdisjoint(_FINDINGS)

    def _answers(self, text: str, asked: int, start: int, end: int) -> bool:
        """Whether a stretch is nothing but the answer to a question that ends at `asked`: "LVH?", "No"."""
        if end - start > ANSWER_LENGTH or text[asked - 1] != "?" or text[asked:start].strip():
            return False
        words = [word for word in words_of(text[start:end]) if word not in ".-"]
        return len(words) == 1 and words[0] in self._lexicon.answers

    def _abbreviates(self, text: str, start: int, stop: int) -> bool:
        found = _WORD_BEFORE.search(text, max(start, stop - 20), stop)
        word = fold(found.group()) if found else ""
        return word in self._abbreviations or (len(word) == 1 and word.isalpha())


def _around(text: str, left_end: int, right_start: int, right_end: int) -> tuple[str, str]:
    if right_end - right_start < SHORT:  # and a term may end in the line after
        right_end = right_start + EDGE_LENGTH
    return text[max(0, left_end - EDGE_LENGTH) : left_end], text[
        right_start : min(right_end, right_start + EDGE_LENGTH)
    ]


def _trim(text: str, piece: Stretch) -> Stretch:
    start, end, past = piece
    bullet = _BULLET.match(text, start, end)
    start = bullet.end() if bullet else start
    end = start + len(text[start:end].rstrip(_TAIL))
    return Stretch(start, end if _LETTER.search(text, start, end) else start, past)
