"""Coded statements to findings."""

from collections import defaultdict
from collections.abc import Sequence

from ml.labeling.findings import Code, Status
from ml.labeling.passages import Passage, Piece, Spoken, heard
from ml.labeling.vocabulary import Codes, Vocabulary


class CodeBook:
    """The codes of a vocabulary that its policy's switches leave on."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._bits = {label.key: 1 << bit for bit, label in enumerate(vocabulary.labels)}
        self._uncertain_below = vocabulary.uncertain_below
        self._entries: defaultdict[tuple[str, str], list[Codes]] = defaultdict(list)
        for entry in vocabulary.codes:
            if entry.holds(vocabulary.policy):
                for code in entry.codes:
                    self._entries[entry.system, code].append(entry)

    def read(self, codes: Sequence[Code]) -> Passage:
        """Return what codes say, as a text with one code a line, each a statement of one word."""
        pieces: list[Piece] = []
        start = 0
        for code in codes:
            said: list[Spoken] = []
            for entry in self._entries.get((code.system, code.code), ()):
                unsure = code.certainty is not None and code.certainty < self._uncertain_below
                status: Status = "uncertain" if unsure and entry.status == "present" else entry.status
                said.append((entry.labels, status, 0, 1, None, False))
            end = start + len(code.code)
            pieces.append(Piece(start, end, False, (0, len(code.code)), heard(self._bits, said, ())))
            start = end + 1
        return Passage("\n".join(code.code for code in codes), pieces)
