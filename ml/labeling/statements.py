"""A report to its statements: lines and sentences, wrapped ones rejoined, what is no reading left out."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from ml.labeling.lexicon import Lexicon
from ml.labeling.terms import Terms, variants
from ml.labeling.tokens import TOKEN, fold, tokenize, words_of
from ml.labeling.vocabulary import Vocabulary

_ESCAPE = re.compile(r"\\[A-Za-z.0-9]{1,8}\\")  # HL7: \.br\, \E\
_REASON = re.compile(r"\.{3,}[^\n]*|\[[^\]\n]{0,500}\]")  # a vendor's criteria: behind dot leaders, in square brackets
_BREAK = re.compile(r"[\r\n\t;|•·▪~\f\v\x85\u2028\u2029]+ *| {3,}(?! *[+-]?\d{1,3}(?:\s|$))|(?<=\S)[.?!]+(?=\s|$)")
_LINE_BREAK = re.compile(r"[\r\n]| {3,}")
_BULLET = re.compile(r"[\s\-*>•.,\"'=#]*(?:\d{1,2}[.)](?=\s)[\s\-*]*)?")
_TAIL = " \t\r\n-*<>\"'=.,"
_FIRST_WORD = re.compile(r"[^\W_]+")
_NUMBERED = re.compile(r"(?:^|\s)1\)\s")
_NUMBER = re.compile(r"(?<=\s)\d{1,2}\)(?=\s)")
_LETTER = re.compile(r"[^\W\d_]")
_WORD_BEFORE = re.compile(r"[^\W_]*$")
_STOP = re.compile(r"(?<=[^\s.?!])\. +(?![.?!])")
_SPANNING = ("...", "[", "\\", "\r")  # what may say something of more than its sentence
_HISTORY = ("history", "history_dropped")
CACHED_LENGTH = 200
LONGEST_EDGE = 24  # characters: no word of a term that may end a wrapped line is longer
EDGE_LENGTH = 60  # characters on either side of a line break
_EDGE = 5  # words on either side of a line break that tell whether the line was wrapped

_OPENS = frozenset(
    {
        "hedge",
        "negation",
        "correction",
        "attachment",
        "and",
        "or",
        "versus",
        "to",
        "withheld",
        "part",
        "filler",
        "historical",
        "past_reading",
    }
)
_CONTINUES = frozenset(
    {"hedge_after", "negation_after", "historical_after", "withheld_after", "correction_after", "affirmation",
     "attachment", "and", "or", "versus", "to"}
)  # fmt: skip


class Piece(NamedTuple):
    """A statement's place in the report; `past` when it is a field about the patient's history."""

    start: int
    end: int
    past: bool


class Splitter:
    """Splits reports with a vocabulary's words for fields, abbreviations and what lines begin and end with."""

    def __init__(self, vocabulary: Vocabulary, lexicon: Lexicon) -> None:
        fields = [field for field in vocabulary.fields if field.holds(vocabulary.policy)]
        self._fields = Terms((term, field.kind) for field in fields if field.kind != "unit" for term in field.all())
        self._units = Terms((term, None) for field in fields if field.kind == "unit" for term in field.all()).words
        self._field_beginnings = self._fields.begins
        self._abbreviations = frozenset(fold(word) for word in vocabulary.abbreviations.all())
        ignoring = [field for field in fields if field.kind == "ignored_to_line_end"]
        to_line_end = [spelled for field in ignoring for term in field.all() for spelled in variants(term)]
        words = "|".join(r"\W{1,5}".join(map(re.escape, spelled)) for spelled in to_line_end)
        unless = "|".join(re.escape(word) for field in ignoring for word in field.unless)
        ending = rf"(?!\W{{1,5}}(?:{unless})\b)" if unless else ""
        self._to_line_end = re.compile(rf"\b(?:{words})\b{ending}[^\n]*", re.IGNORECASE) if words else None
        self._signed_by = tuple(sorted({spelled[0] for spelled in to_line_end}))
        self._lexicon = lexicon
        self._continue, self._open, self._together = lexicon.neighbours(_CONTINUES, _OPENS)
        self._wrapped = lru_cache(maxsize=20_000)(self._is_wrapped)
        self._edges = lru_cache(maxsize=20_000)(self._edge_words)

    def passages(self, text: str) -> Iterator[tuple[int, str]]:
        """Cut a text into lines, each with its place; lines that may be one wrapped statement stay together.

        Read each alone, they say what they say in the whole text. Only the words on both sides of a line break are
        looked at here: `split` decides.
        """
        if "\n" not in text:
            yield 0, text
            return
        place = first = 0
        last: str | None = None  # the word the passage ends with so far
        for line in text.split("\n"):
            if line and not line.isspace():
                begins, ends = (self._edges if len(line) <= CACHED_LENGTH else self._edge_words)(line)
                if last is None:
                    first = place
                elif not self._may_go_on(last, begins):
                    yield first, text[first : place - 1]
                    first = place
                last = ends
            place += len(line) + 1
        if last is not None:
            yield first, text[first:]

    def sentences(self, lines: str) -> Iterator[tuple[int, str]]:
        """Cut a passage into sentences, each with its place, where nothing spans several of them."""
        start = 0
        if ". " in lines and not any(map(lines.__contains__, _SPANNING)) and not self._may_be_signed(lines):
            for stop in _STOP.finditer(lines):
                if not self._abbreviates(lines, start, stop.start()):
                    yield start, lines[start : stop.start() + 1]
                    start = stop.end()
        yield start, lines[start:]

    def _edge_words(self, line: str) -> tuple[str, str]:
        """Give the first and the last word of a line, without what is left out of it."""
        kept = self._blanked(line)
        first = TOKEN.search(kept)
        ending = tokenize(kept.rstrip()[-LONGEST_EDGE:]).words
        while len(ending) > 1 and ending[-1] == ".":
            ending.pop()
        begins, ends = self._lexicon.known([first[0] if first else "", ending[-1] if ending else ""])
        return begins, ends

    def _may_go_on(self, last: str, begins: str) -> bool:
        return (
            begins in (",", ")", "(", "")
            or last == ""
            or (last, begins) in self._together
            or begins in self._continue
            or last in self._open
        )

    def _may_be_signed(self, text: str) -> bool:
        return any(map(text.lower().__contains__, self._signed_by))

    def _blanked(self, text: str) -> str:
        """Replace escapes by line breaks, and what is no reading by blanks; every place stays."""
        if "\\" in text:
            text = _ESCAPE.sub(_new_line, text)
        if "[" in text or "..." in text:
            text = _REASON.sub(_blank, text)
        if self._may_be_signed(text):
            assert self._to_line_end is not None
            text = self._to_line_end.sub(_blank, text)
        if " 2) " in text and _NUMBERED.search(text):
            text = _NUMBER.sub(_new_line, text)
        return text

    def split(self, text: str) -> list[Piece]:
        """Give the statements of a text in order; none overlap."""
        blanked = self._blanked(text)
        kept = blanked.rstrip(_TAIL)
        if _BREAK.search(kept) is None:  # one stretch, as most are
            kind = self._field(kept[:80])
            start = self._past_measurements(kept, 0, len(kept)) if kind == "measurement" else 0
            if kind not in (None, "history", "measurement") or start == len(kept):
                return []
            piece = _trim(text, Piece(start, len(kept), kind == "history"))
            return [piece] if piece.start < piece.end else []
        pieces: list[Piece] = []
        joins, kind, last = False, None, 0
        for start, end, breaks_line in self._raw(blanked):
            listed = kind in _HISTORY and blanked[last:start].strip() == ";"  # "Hx: LVH; AF"
            last = end
            if joins and self._wrapped(*_around(blanked, pieces[-1].end, start, end)):
                pieces[-1] = Piece(pieces[-1].start, end, pieces[-1].past)
            else:
                kind = self._field(blanked[start : min(end, start + 80)]) or (kind if listed else None)
                if kind == "measurement" and (start := self._past_measurements(blanked, start, end)) < end:
                    kind = None
                joins = kind in (None, "history")
                if joins:
                    pieces.append(Piece(start, end, kind == "history"))
            joins = joins and breaks_line
        trimmed = [_trim(text, piece) for piece in pieces]
        return [piece for piece in trimmed if piece.start < piece.end]

    def _raw(self, text: str) -> list[tuple[int, int, bool]]:
        """Give the stretches between breaks, each with whether a line break that may be a wrap ends it."""
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

    def _abbreviates(self, text: str, start: int, stop: int) -> bool:
        found = _WORD_BEFORE.search(text, max(start, stop - 20), stop)
        word = fold(found.group()) if found else ""
        return word in self._abbreviations or (len(word) == 1 and word.isalpha())

    def _field(self, beginning: str) -> str | None:
        """Tell the kind of the field a stretch begins with; a colon or, for a measurement, its value follows."""
        first = _FIRST_WORD.search(beginning)
        if first is None or fold(first[0]) not in self._field_beginnings:
            return None
        words = [word for word in words_of(beginning) if word != "-"]
        match = self._fields.at(words, 0) if words else None
        if match is None:
            return None
        following = words[match.end] if match.end < len(words) else ""
        if ":" in (words[match.end - 1], following):
            return match.meaning
        return match.meaning if match.meaning == "measurement" and not following.isalpha() else None

    def _past_measurements(self, text: str, start: int, end: int) -> int:
        """Give where the first word stands that is no part of the measurements a stretch begins with, or its end."""
        words, places = tokenize(text[start:end])
        words = [fold(word) for word in words]
        i = 0
        while i < len(words):
            match = self._fields.at(words, i) if words[i] in self._field_beginnings else None
            if match is not None and match.meaning == "measurement":
                i = match.end
            elif not words[i].isalpha() or (words[i] in self._units and words[i - 1] != ","):
                i += 1
            else:
                return start + places[2 * i]
        return end

    def _is_wrapped(self, left: str, right: str) -> bool:
        """Whether a line goes on in the next: it ends within a term, or open, or the next cannot begin a statement."""
        if right.lstrip()[:1] in (",", ")") or right.lstrip().lower().startswith("(cited"):
            return True
        before = self._lexicon.spelt(tokenize(left).words[-_EDGE:])
        after = self._lexicon.spelt(tokenize(right).words[:_EDGE])
        if not before or not after:
            return False
        items = self._lexicon.items([*before, *after])
        edge = len(before)
        if any(item.start < edge < item.end for item in items):
            return True
        ends = [item for item in items if item.end == edge]
        begins = [item for item in items if item.start == edge]
        if begins and begins[0].kind in _CONTINUES:
            return True
        if not ends or ends[0].kind not in _OPENS or before[-1] in ("?", "-"):
            return False
        if ends[0].kind == "part":
            return bool(begins) and begins[0].kind in ("head", "part", "filler")
        if ends[0].kind == "filler":
            return bool(begins) and begins[0].kind == "head"
        return ends[0].start == 0 or before[ends[0].start - 1] not in (",", "-", "(")


def _around(text: str, left_end: int, right_start: int, right_end: int) -> tuple[str, str]:
    return text[max(0, left_end - EDGE_LENGTH) : left_end], text[
        right_start : min(right_end, right_start + EDGE_LENGTH)
    ]


def _trim(text: str, piece: Piece) -> Piece:
    start, end, past = piece
    bullet = _BULLET.match(text, start, end)
    start = bullet.end() if bullet else start
    end = start + len(text[start:end].rstrip(_TAIL))
    return Piece(start, end if _LETTER.search(text, start, end) else start, past)


def _blank(found: re.Match[str]) -> str:
    return " " * len(found.group())


def _new_line(found: re.Match[str]) -> str:
    return "\n" + " " * (len(found.group()) - 1)
