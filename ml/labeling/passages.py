"""What was read in the sentences of a report, before they are one report."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from ml.labeling.findings import RANK, Finding, Masks, SaidStance, Statement, Status, joint_stance

Made = TypeVar("Made")

Spoken = tuple[tuple[str, ...], Status, int, int, tuple[int, int] | None, bool]
"""What words say: labels, status, first and last word (exclusive), the same of the cue, whether it outweighs others."""


class Heard(NamedTuple):
    """What the words of a sentence say, wherever they stand in a text. Many are kept: plain tuples.

    `commas` are the words that are commas between two statements. The masks are what is said of each label, not yet
    by precedence: a label may be in several of them; `corrected` are those of which a correction says it. `unknown`:
    some of the words are in no term. `words` counts the words, `foreign` those that are not understood.
    """

    said: tuple[Spoken, ...]
    commas: tuple[int, ...]
    masks: Masks
    corrected: int
    stance: SaidStance = "read"
    unknown: bool = False
    words: int = 0
    foreign: int = 0


class Piece(NamedTuple):
    """A sentence in its text: word i is `text[start + places[2 * i] : start + places[2 * i + 1]]`.

    `past`: it is a field about the patient's history, so what it does not deny is historical. `superseded`: another
    reader's section follows that says what the report says, so what only this one says is negated.
    """

    start: int
    end: int
    past: bool
    places: Sequence[int]
    heard: Heard
    superseded: bool = False


class Passage:
    """A stretch of a report that was read alone. Its statements and mentions are made when they are first asked for.

    They are kept from the second request on: most new text is never asked for again.
    """

    __slots__ = (
        "_asked",
        "_mentions",
        "_pieces",
        "_statements",
        "_text",
        "_unmapped",
        "corrected",
        "foreign",
        "masks",
        "stance",
        "words",
    )

    def __init__(self, text: str, pieces: Sequence[Piece]) -> None:
        self._text = text
        self._pieces = pieces
        self._statements: list[Statement] | None = None
        self._unmapped: list[Statement] | None = None
        self._mentions: list[tuple[Finding, bool]] | None = None
        self._asked = False
        if len(pieces) == 1 and not (pieces[0].past or pieces[0].superseded):
            self.masks, self.corrected, self.stance, _, self.words, self.foreign = pieces[0].heard[2:]
            return
        self.words = sum(piece.heard.words for piece in pieces)
        self.foreign = sum(piece.heard.foreign for piece in pieces)
        self.stance = joint_stance(piece.heard.stance for piece in pieces if not (piece.past or piece.superseded))
        present = uncertain = negated = historical = self.corrected = 0
        for piece in pieces:
            masks = piece.heard.masks
            if piece.superseded:
                negated |= masks.present | masks.uncertain | masks.negated | masks.historical
                continue
            if piece.past:
                historical |= masks.present | masks.uncertain | masks.historical
            else:
                present |= masks.present
                uncertain |= masks.uncertain
                historical |= masks.historical
            negated |= masks.negated
            self.corrected |= piece.heard.corrected
        self.masks = Masks(present, uncertain, negated, historical)

    def superseded(self) -> "Passage":
        """Return the passage as one that a later reader's section supersedes."""
        return Passage(self._text, [piece._replace(superseded=True) for piece in self._pieces])

    @property
    def statements(self) -> list[Statement]:
        """The statements, with places counted from the passage's start."""
        if self._statements is not None:
            return self._statements
        spelt = [_statement(self._text, *stretch) for piece in self._pieces for stretch in _stretches(piece)]
        return self._keep("_statements", spelt)

    @property
    def unmapped(self) -> list[Statement]:
        """The statements in which no label is mentioned."""
        if self._unmapped is not None:
            return self._unmapped
        spelt = [_statement(self._text, *stretch) for piece in self._pieces for stretch in _unmapped(piece)]
        return self._keep("_unmapped", spelt)

    @property
    def partly(self) -> list[Statement]:
        """The statements that mention a label, of sentences with words that no term has."""
        found: list[Statement] = []
        for piece in self._pieces:
            if piece.heard.unknown and piece.heard.said:
                whole = set(_unmapped(piece))
                found += [_statement(self._text, *each) for each in _stretches(piece) if each not in whole]
        return found

    @property
    def mentions(self) -> list[tuple[Finding, bool]]:
        """All that is said of labels, in order, each with whether it outweighs other mentions."""
        if self._mentions is not None:
            return self._mentions
        spelt = [mention for piece in self._pieces for mention in _mentions(self._text, piece)]
        return self._keep("_mentions", spelt)

    def _keep(self, name: str, spelt: list[Made]) -> list[Made]:
        if self._asked:
            setattr(self, name, spelt)
        self._asked = True
        return spelt


NO_LABELS = Masks(0, 0, 0, 0)


def heard(
    bits: Mapping[str, int],
    said: Sequence[Spoken],
    commas: Sequence[int],
    *,
    stance: SaidStance = "read",
    unknown: bool = False,
    words: int = 0,
    foreign: int = 0,
) -> Heard:
    """Return what was said with its masks; `bits` has each label's bit."""
    masks = [0, 0, 0, 0]
    corrected = 0
    for named, status, _, _, _, outweighs in said:
        for label in named:
            bit = bits[label]
            masks[RANK[status]] |= bit
            if outweighs:
                corrected |= bit
    return Heard(tuple(said), tuple(commas), Masks(*masks), corrected, stance, unknown, words, foreign)


def _stretches(piece: Piece) -> Iterator[tuple[int, int]]:
    """Yield where the statements of a sentence begin and end; a history field is one statement."""
    begin = piece.start
    for comma in () if piece.past else piece.heard.commas:
        yield begin, piece.start + piece.places[2 * comma]
        begin = piece.start + piece.places[2 * comma + 1]
    yield begin, piece.end


def _unmapped(piece: Piece) -> Iterator[tuple[int, int]]:
    """Yield where those statements of a sentence begin and end that mention no label and take no stance."""
    if piece.heard.stance != "read":
        return
    named = [piece.start + piece.places[2 * said[2]] for said in piece.heard.said]
    for begin, end in _stretches(piece):
        if not any(begin <= place < end for place in named):
            yield begin, end


def _statement(text: str, start: int, end: int) -> Statement:
    """Return the statement between two places, without the blanks around it."""
    said = text[start:end]
    kept = said.strip()
    start += len(said) - len(said.lstrip())
    return Statement(start, start + len(kept), kept)


def _mentions(text: str, piece: Piece) -> Iterator[tuple[Finding, bool]]:
    begin, places = piece.start, piece.places
    for labels, status, first, last, cue, outweighs in piece.heard.said:
        said: Status = "historical" if piece.past and status != "negated" else status
        said = "negated" if piece.superseded else said
        start, end = begin + places[2 * first], begin + places[2 * last - 1]
        because: tuple[str | None, int | None, int | None] = (None, None, None)
        if cue is not None:
            cue_start, cue_end = begin + places[2 * cue[0]], begin + places[2 * cue[1] - 1]
            because = text[cue_start:cue_end], cue_start, cue_end
        for label in labels:
            yield Finding(label, said, start, end, text[start:end], *because), outweighs and not piece.superseded
