"""The public gold reports: what the labeler gets right must not fall."""

import json
from pathlib import Path

import pytest

from ml.labeling import builtin, builtin_labeler

GOLD = Path(__file__).resolve().parents[3] / "../shared/labels/gold_public.jsonl"
FIELDS = {"labels": "present", "uncertain": "uncertain", "negated": "negated", "historical": "historical"}


def test_public_gold_reports_are_read_right() -> None:
    if not GOLD.exists():
        pytest.skip(f"{GOLD} is absent")
    labeler = builtin_labeler()
    names = {label.key: label.name for label in builtin().labels}
    gold = [json.loads(line) for line in GOLD.read_text(encoding="utf-8").splitlines()]
    wrong = []
    for report in gold:
        findings = labeler.read(report["text"]).findings
        read = {status: {names[f.label] for f in findings if f.status == status} for status in FIELDS.values()}
        if read != {status: set(report[field]) for field, status in FIELDS.items()}:
            wrong.append((report["id"], report["text"], read))
    assert not wrong
