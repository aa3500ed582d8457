"""What the labeler found in a report."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, TypeVar

Spelt = TypeVar("Spelt")
Status = Literal["present", "uncertain", "negated", "historical"]
Stance = Literal["read", "agrees", "unreadable"]

PRECEDENCE: tuple[Status, ...] = ("present", "uncertain", "negated", "historical")
_RANK: dict[Status, int] = {status: rank for rank, status in enumerate(PRECEDENCE)}


class Statement(NamedTuple):
    """One diagnosis statement: `text` is the report's characters from `start` to `end`."""

    start: int
    end: int
    text: str


class Finding(NamedTuple):
    """A label's status, the characters that say so, and the words that made it other than present."""

    label: str
    status: Status
    start: int
    end: int
    text: str
    cue: str | None = None
    cue_start: int | None = None
    cue_end: int | None = None


class Masks(NamedTuple):
    """A labeled report as four bit masks: bit i is the vocabulary's label i. No label is in two of them."""

    present: int
    uncertain: int
    negated: int
    historical: int


def overread_masks(stance: Stance, machine: Masks, overread: Masks) -> Masks | None:
    """Return an over-read's masks in its pair; None where it makes no pair, because the tracing cannot be read.

    An over-read that agrees has the machine's statuses but for the labels that it names itself.
    """
    if stance == "unreadable":
        return None
    if stance == "read":
        return overread
    named = overread.present | overread.uncertain | overread.negated | overread.historical
    return Masks(*(own | (theirs & ~named) for own, theirs in zip(overread, machine, strict=True)))


@dataclass(frozen=True)
class Code:
    """A coded statement; `certainty` is 0–1, None where the source states none."""

    system: str
    code: str
    certainty: float | None = None


Spoken = tuple[tuple[str, ...], Status, int, int, tuple[int, int] | None, bool]
"""What words say: labels, status, first and last word (exclusive), the same of the cue, whether it outweighs others."""


class Heard(NamedTuple):
    """What the words of a sentence say, wherever they stand in a text. Many are kept: plain tuples.

    `commas` are the words that are commas between two statements. The masks are what is said of each label, not yet
    by precedence: a label may be in several of them; `corrected` are those of which a correction says it. `unknown`:
    some of the words are in no term.
    """

    said: tuple[Spoken, ...]
    commas: tuple[int, ...]
    masks: Masks
    corrected: int
    stance: Stance = "read"
    unknown: bool = False


class Piece(NamedTuple):
    """A sentence in its text: word i is `text[start + places[2 * i] : start + places[2 * i + 1]]`.

    `past`: it is a field about the patient's history, so what it does not deny is historical.
    """

    start: int
    end: int
    past: bool
    places: Sequence[int]
    heard: Heard


class Passage:
    """A stretch of a report that was read alone. Its statements and mentions are made when they are first asked for.

    They are kept from the second request on: most new text is never asked for again.
    """

    __slots__ = ("_asked", "_mentions", "_pieces", "_statements", "_text", "_unmapped", "corrected", "masks", "stance")

    def __init__(self, text: str, pieces: Sequence[Piece]) -> None:
        self._text = text
        self._pieces = pieces
        self._statements: list[Statement] | None = None
        self._unmapped: list[Statement] | None = None
        self._mentions: list[tuple[Finding, bool]] | None = None
        self._asked = False
        if len(pieces) == 1 and not pieces[0].past:
            self.masks, self.corrected, self.stance, _ = pieces[0].heard[2:]
            return
        self.stance = joint_stance(piece.heard.stance for piece in pieces if not piece.past)
        present = uncertain = negated = historical = self.corrected = 0
        for piece in pieces:
            masks = piece.heard.masks
            if piece.past:
                historical |= masks.present | masks.uncertain | masks.historical
            else:
                present |= masks.present
                uncertain |= masks.uncertain
                historical |= masks.historical
            negated |= masks.negated
            self.corrected |= piece.heard.corrected
        self.masks = Masks(present, uncertain, negated, historical)

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

    def _keep(self, name: str, spelt: list[Spelt]) -> list[Spelt]:
        if self._asked:
            setattr(self, name, spelt)
        self._asked = True
        return spelt


NO_LABELS = Masks(0, 0, 0, 0)


def joint_stance(stances: Iterable[Stance]) -> Stance:
    """Return the stance of a whole whose parts have these stances."""
    taken = set(stances)
    return "unreadable" if "unreadable" in taken else "agrees" if "agrees" in taken else "read"


def heard(
    bits: Mapping[str, int],
    said: Sequence[Spoken],
    commas: Sequence[int],
    *,
    stance: Stance = "read",
    unknown: bool = False,
) -> Heard:
    """Return what was said with its masks; `bits` has each label's bit."""
    masks = [0, 0, 0, 0]
    corrected = 0
    for named, status, _, _, _, outweighs in said:
        for label in named:
            bit = bits[label]
            masks[_RANK[status]] |= bit
            if outweighs:
                corrected |= bit
    return Heard(tuple(said), tuple(commas), Masks(*masks), corrected, stance, unknown)


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
        start, end = begin + places[2 * first], begin + places[2 * last - 1]
        because: tuple[str | None, int | None, int | None] = (None, None, None)
        if cue is not None:
            cue_start, cue_end = begin + places[2 * cue[0]], begin + places[2 * cue[1] - 1]
            because = text[cue_start:cue_end], cue_start, cue_end
        for label in labels:
            yield Finding(label, said, start, end, text[start:end], *because), outweighs


class LabeledReport:
    """The statements of a report and at most one finding a label, in the vocabulary's order.

    `passages` are pairs of a passage's place in the report and the passage. Masks are made from those directly;
    statements and findings are made when they are first asked for.
    """

    def __init__(self, labels: tuple[str, ...], passages: Sequence[tuple[int, Passage]]) -> None:
        self.labels = labels
        self._passages = passages

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """The statements, in the order of the text."""
        return tuple(
            Statement(place + start, place + end, text)
            for place, passage in self._passages
            for start, end, text in passage.statements
        )

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """One finding a label that is mentioned: an explicit correction, else by precedence, else the first."""
        decided: dict[str, tuple[int, int, Finding]] = {}
        for place, passage in self._passages:
            for mention, outweighs in passage.mentions:
                label, status = mention[:2]
                rank = -1 if outweighs else _RANK[status]
                if label not in decided or rank < decided[label][0]:
                    decided[label] = rank, place, mention
        return tuple(_moved(*decided[label][1:]) for label in self.labels if label in decided)

    @cached_property
    def unmapped(self) -> tuple[Statement, ...]:
        """The statements in which no label is mentioned, whatever is said of it."""
        return tuple(
            Statement(place + start, place + end, text)
            for place, passage in self._passages
            for start, end, text in passage.unmapped
        )

    @cached_property
    def partly(self) -> tuple[Statement, ...]:
        """The statements in which a label is mentioned, of sentences with words that no term has."""
        return tuple(
            Statement(place + start, place + end, text)
            for place, passage in self._passages
            for start, end, text in passage.partly
        )

    @cached_property
    def stance(self) -> Stance:
        """Whether the report reads the tracing, agrees with the machine's report, or says it cannot be read.

        A report that agrees may have findings too: what it changes ("Agree, but no LVH"). A report that asserts a
        finding was read, whatever it says of the tracing.
        """
        stance = joint_stance(passage.stance for _, passage in self._passages)
        if stance == "unreadable":
            masks = self.masks()
            return "read" if masks.present | masks.uncertain else stance
        return stance

    def masks(self) -> Masks:
        """Return the four masks: at most one status a label, by precedence."""
        present = uncertain = negated = historical = corrected = 0
        for _, passage in self._passages:
            masks = passage.masks
            present |= masks[0]
            uncertain |= masks[1]
            negated |= masks[2]
            historical |= masks[3]
            corrected |= passage.corrected
        present &= ~corrected
        uncertain &= ~(corrected | present)
        negated = (negated | corrected) & ~(present | uncertain)
        return Masks(present, uncertain, negated, historical & ~(present | uncertain | negated))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LabeledReport):
            return NotImplemented
        return (self.labels, self.statements, self.findings) == (other.labels, other.statements, other.findings)

    def __hash__(self) -> int:
        return hash((self.labels, self.statements, self.findings))

    def __repr__(self) -> str:
        return f"LabeledReport(statements={self.statements!r}, findings={self.findings!r})"


def _moved(place: int, finding: Finding) -> Finding:
    if place == 0:
        return finding
    label, status, start, end, text, cue, cue_start, cue_end = finding
    if cue_start is None or cue_end is None:
        return Finding(label, status, place + start, place + end, text, cue)
    return Finding(label, status, place + start, place + end, text, cue, place + cue_start, place + cue_end)
