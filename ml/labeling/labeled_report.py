"""What the labeler found in a report."""

from collections.abc import Sequence
from functools import cached_property

from ml.labeling.composed import Composed
from ml.labeling.findings import RANK, Code, Finding, Masks, Stance, Statement, joint_stance
from ml.labeling.passages import NO_LABELS, Passage

FEWEST = 3  # words that are not understood in a report that is unread


class LabeledReport:
    """The statements of a report and at most one finding a label, in the vocabulary's order.

    `passages` are pairs of a passage's place in the report and the passage. Masks are made from those directly;
    statements and findings are made when they are first asked for.
    """

    def __init__(
        self,
        labels: tuple[str, ...],
        passages: Sequence[tuple[int, Passage]],
        composed: Composed | None = None,
        *,
        unread_above: float = 1,
        unread: bool = False,
        codes: Sequence[Code] = (),
    ) -> None:
        self.labels = labels
        self._passages = passages
        self._unread_above = unread_above  # share of words that are not understood
        self.codes = codes  # what the report is, where it is no text
        self._declared_unread = unread
        self._composed = composed  # where the passages are not in the text as it was written

    @cached_property
    def unread(self) -> bool:
        """Whether the report is in a language that the vocabulary does not have: it then has no findings."""
        return self._is_unread(
            sum(passage.words for _, passage in self._passages), sum(passage.foreign for _, passage in self._passages)
        )

    def _is_unread(self, words: int, foreign: int) -> bool:
        return self._declared_unread or (foreign >= FEWEST and foreign > self._unread_above * words)

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """The statements, in the order of the text."""
        return tuple(
            self._written(place, statement) for place, passage in self._passages for statement in passage.statements
        )

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """One finding a label that is mentioned: an explicit correction, else by precedence, else the first."""
        if self.unread:
            return ()
        decided: dict[str, tuple[int, int, Finding]] = {}
        for place, passage in self._passages:
            for mention, outweighs in passage.mentions:
                label, status = mention[:2]
                rank = -1 if outweighs else RANK[status]
                if label not in decided or rank < decided[label][0]:
                    decided[label] = rank, place, mention
        found = [_moved(*decided[label][1:]) for label in self.labels if label in decided]
        return tuple(found if self._composed is None else [_as_written(self._composed, each) for each in found])

    @cached_property
    def unmapped(self) -> tuple[Statement, ...]:
        """The statements in which no label is mentioned, whatever is said of it; all of a report that is unread."""
        if self.unread:
            return self.statements
        return tuple(
            self._written(place, statement) for place, passage in self._passages for statement in passage.unmapped
        )

    @cached_property
    def partly(self) -> tuple[Statement, ...]:
        """The statements in which a label is mentioned, of sentences with words that no term has."""
        if self.unread:
            return ()
        return tuple(
            self._written(place, statement) for place, passage in self._passages for statement in passage.partly
        )

    @cached_property
    def stance(self) -> Stance:
        """Whether the report reads the tracing, agrees with the machine's report, says it cannot be read, or is unread.

        A report that agrees may have findings too: what it changes ("Agree, but no LVH"). A report that asserts a
        finding was read, whatever it says of the tracing.
        """
        if self.unread:
            return "unread"
        stance = joint_stance(passage.stance for _, passage in self._passages)
        if stance == "unreadable":
            masks = self.masks()
            return "read" if masks.present | masks.uncertain else stance
        return stance

    def system_of(self, statement: Statement) -> str | None:
        """Return the code system of a statement of this report; None where the report is text."""
        codes = self.codes_of(statement)
        return codes[0].system if codes else None

    def codes_of(self, statement: Statement) -> list[Code]:
        """Return the codes of a statement of this report, as far as they are its own; none where the report is text.

        Of a code that joins several statements ("LVH;ASMI;AU"), each has its part.
        """
        found = []
        start = 0  # of the code's line
        for code in self.codes:
            if start >= statement.end:
                break
            end = start + len(code.code)
            if statement.start <= end:
                part = code.code[max(0, statement.start - start) : statement.end - start]
                found.append(Code(code.system, part, code.certainty))
            start = end + 1
        return found

    def masks(self) -> Masks:
        """Return the four masks: at most one status a label, by precedence."""
        present = uncertain = negated = historical = corrected = words = foreign = 0
        for _, passage in self._passages:
            masks = passage.masks
            present |= masks[0]
            uncertain |= masks[1]
            negated |= masks[2]
            historical |= masks[3]
            corrected |= passage.corrected
            words += passage.words
            foreign += passage.foreign
        if self._is_unread(words, foreign):
            return NO_LABELS
        present &= ~corrected
        uncertain &= ~(corrected | present)
        negated = (negated | corrected) & ~(present | uncertain)
        return Masks(present, uncertain, negated, historical & ~(present | uncertain | negated))

    def _written(self, place: int, statement: Statement) -> Statement:
        """Return a statement of a passage as it stands in the text."""
        start, end, text = statement
        if self._composed is None:
            return Statement(place + start, place + end, text)
        start, end = self._composed.place(place + start, place + end)
        return Statement(start, end, self._composed.written[start:end])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LabeledReport):
            return NotImplemented
        return (self.labels, self.statements, self.findings) == (other.labels, other.statements, other.findings)

    def __hash__(self) -> int:
        return hash((self.labels, self.statements, self.findings))

    def __repr__(self) -> str:
        return f"LabeledReport(statements={self.statements!r}, findings={self.findings!r})"


def _as_written(composed: Composed, finding: Finding) -> Finding:
    """Return a finding of a composed text with its places and words in the text as it was written."""
    label, status, start, end, _, cue, cue_start, cue_end = finding
    start, end = composed.place(start, end)
    if cue_start is not None and cue_end is not None:
        cue_start, cue_end = composed.place(cue_start, cue_end)
        cue = composed.written[cue_start:cue_end]
    return Finding(label, status, start, end, composed.written[start:end], cue, cue_start, cue_end)


def _moved(place: int, finding: Finding) -> Finding:
    if place == 0:
        return finding
    label, status, start, end, text, cue, cue_start, cue_end = finding
    if cue_start is None or cue_end is None:
        return Finding(label, status, place + start, place + end, text, cue)
    return Finding(label, status, place + start, place + end, text, cue, place + cue_start, place + cue_end)
