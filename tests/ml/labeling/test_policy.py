"""The label policy, sentence by sentence, and whole reports written before they were read."""

from pathlib import Path

import pytest

from ml.labeling import builtin_labeler

SIGNS = {"present": "+", "uncertain": "?", "negated": "-", "historical": "~"}
LABELER = builtin_labeler()
HERE = Path(__file__).parent


def cases(file: Path) -> list[tuple[str, set[str]]]:
    """Return the reports of a file with their statuses; "!" marks what is known to be missed."""
    lines = file.read_text(encoding="utf-8").splitlines()
    pairs = [line.rsplit("=>", 1) for line in lines if line.strip() and not line.startswith(("#", "!"))]
    return [(report.strip().replace(" ⏎ ", "\n"), set(statuses.split())) for report, statuses in pairs]


FILES = [HERE / "policy_cases.txt", *sorted(HERE.glob("heldout_cases*.txt")), *sorted(HERE.glob("blind/*.txt"))]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_reports_are_read_as_the_policy_says(file: Path) -> None:
    wrong = [
        (report, expected, found)
        for report, expected in cases(file)
        if (found := {SIGNS[each.status] + each.label for each in LABELER.read(report).findings}) != expected
    ]
    assert not wrong
