"""Coded statements to findings."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from ml.labeling.code_statements import Kind, Token, statements, tokens
from ml.labeling.code_systems import Codes, Modifiers
from ml.labeling.findings import Code, Status
from ml.labeling.passages import Passage, Piece, Spoken, heard
from ml.labeling.vocabulary import Vocabulary

Cue = tuple[int, int] | None
_NOTHING: Spoken = ((), "present", 0, 1, None, False)
"""What a known code says that mentions no label: with this its statement is not unmapped."""


class CodeBook:
    """The codes of a vocabulary, and what they mention under its policy."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._bits = {label.key: 1 << bit for bit, label in enumerate(vocabulary.labels)}
        self._uncertain_below = vocabulary.uncertain_below
        self._separators = {each.name: each.separator for each in vocabulary.code_systems if each.separator}
        self._modifiers: dict[tuple[str, str], Modifiers] = {}
        self._entries: defaultdict[tuple[str, str], list[Codes]] = defaultdict(list)
        self._known = {(entry.system, code) for entry in vocabulary.codes for code in entry.codes}
        for system in vocabulary.code_systems:
            self._known |= {(system.name, code) for code in system.none}
            self._modifiers |= {(system.name, code): each for each in system.modifiers for code in each.codes}
        for entry in vocabulary.codes:
            if entry.holds(vocabulary.policy):
                for code in entry.codes:
                    self._entries[entry.system, code].append(entry)

    def read(self, codes: Sequence[Code]) -> Passage:
        """Return what codes say, as a text with one code a line; each word of a statement is a single code."""
        pieces: list[Piece] = []
        for statement in statements(tokens(codes, self._separators), self._kind):
            start = statement[0].start
            places = [place - start for token in statement for place in (token.start, token.end)]
            said = heard(self._bits, list(self._said(statement)), ())
            pieces.append(Piece(start, statement[-1].end, False, places, said))
        return Passage("\n".join(code.code for code in codes), pieces)

    def _kind(self, token: Token) -> Kind:
        key = token.system, token.code
        if key in self._modifiers:
            return self._modifiers[key].binds
        return "finding" if key in self._known else "unknown"

    def _said(self, statement: Sequence[Token]) -> Iterator[Spoken]:
        """Yield what a statement says of labels, and that it is known where it says nothing of them."""
        if self._kind(statement[0]) != "unknown":
            yield _NOTHING
        changes = self._changes(statement)
        for place, token in enumerate(statement):
            unsure = token.certainty is not None and token.certainty < self._uncertain_below
            for entry in self._entries.get((token.system, token.code), ()):
                said: tuple[Status, Cue] = entry.status, None
                if entry.status == "present":
                    said = changes[place] or ("uncertain" if unsure else "present", None)
                yield entry.labels, said[0], place, place + 1, said[1], False

    def _changes(self, statement: Sequence[Token]) -> list[tuple[Status, Cue] | None]:
        """Return what modifiers make of each code of a statement that is present, and the place of the modifier."""
        changes: list[tuple[Status, Cue] | None] = [None] * len(statement)
        for place, token in enumerate(statement):
            modifiers = self._modifiers.get((token.system, token.code))
            if modifiers is not None and modifiers.status is not None:
                first = 0 if modifiers.binds == "both" or token.closes else place
                cue = None if modifiers.status == "present" else (place, place + 1)
                changes[first:] = [(modifiers.status, cue)] * (len(statement) - first)
        return changes
