"""Coded statements to findings."""

from collections import defaultdict
from collections.abc import Sequence

from ml.labeling.reading import Code, Place, Said, Status
from ml.labeling.vocabulary import Codes, Vocabulary


class CodeBook:
    """The codes of a vocabulary that its policy's switches leave on."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._uncertain_below = vocabulary.uncertain_below
        self._entries: defaultdict[tuple[str, str], list[Codes]] = defaultdict(list)
        for entry in vocabulary.codes:
            if entry.holds(vocabulary.policy):
                for code in entry.codes:
                    self._entries[entry.system, code].append(entry)

    def read(self, codes: Sequence[Code]) -> tuple[list[Place], list[Said]]:
        """Give a statement for each code, placed as if they stood one a line, and the findings they are."""
        statements: list[Place] = []
        findings: list[Said] = []
        start = 0
        for code in codes:
            end = start + len(code.code)
            statements.append((start, end, code.code))
            for entry in self._entries.get((code.system, code.code), ()):
                unsure = code.certainty is not None and code.certainty < self._uncertain_below
                status: Status = "uncertain" if unsure and entry.status == "present" else entry.status
                findings += [(label, status, start, end, code.code, None, None, None) for label in entry.labels]
            start = end + 1
        return statements, findings
