"""The label policy, sentence by sentence, and whole reports written after the rules."""

from pathlib import Path

import pytest

from ml.labeling import Labeler, builtin

SIGNS = {"present": "+", "uncertain": "?", "negated": "-", "historical": "~"}
LABELER = Labeler(builtin())


def cases(name: str) -> list[tuple[str, set[str]]]:
    lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    pairs = [line.split("=>") for line in lines if line.strip() and not line.startswith("#")]
    return [(report.strip().replace(" ⏎ ", "\n"), set(statuses.split())) for report, statuses in pairs]


FILES = ("policy_cases.txt", "heldout_cases.txt", *(f"heldout_cases_{i}.txt" for i in range(2, 10)))


@pytest.mark.parametrize(("report", "expected"), [case for name in FILES for case in cases(name)])
def test_report_is_read_as_the_policy_says(report: str, expected: set[str]) -> None:
    assert {SIGNS[finding.status] + finding.label for finding in LABELER.read(report).findings} == expected
