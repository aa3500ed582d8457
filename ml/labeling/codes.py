"""Coded statements to findings."""

from collections import defaultdict
from collections.abc import Sequence

from ml.labeling.reading import Code, Finding, Statement, Status
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

    def read(self, codes: Sequence[Code]) -> tuple[tuple[Statement, ...], list[Finding]]:
        """Give a statement for each code, placed as if they stood one a line, and the findings they are."""
        statements: list[Statement] = []
        findings: list[Finding] = []
        start = 0
        for code in codes:
            statement = Statement(start, start + len(code.code), code.code)
            statements.append(statement)
            start = statement.end + 1
            for entry in self._entries.get((code.system, code.code), ()):
                unsure = code.certainty is not None and code.certainty < self._uncertain_below
                status: Status = "uncertain" if unsure and entry.status == "present" else entry.status
                findings += [
                    Finding(label, status, statement.start, statement.end, code.code) for label in entry.labels
                ]
        return tuple(statements), findings
