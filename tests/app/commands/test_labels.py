"""`overread labels`: reports to labels without a database."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import cli as app
from ml.labeling import builtin_text

RUN = CliRunner()
REPORTS = '{"id": 1, "text": "AF. Possible LVH"}\n\n{"id": "b", "text": "Kein Linksschenkelblock", "language": "de"}\n'


def test_labels_by_name_with_their_words(tmp_path: Path) -> None:
    file = tmp_path / "reports.jsonl"
    file.write_text(REPORTS)
    ended = RUN.invoke(app, ["labels", "extract", str(file)])
    first, second = map(json.loads, ended.stdout.splitlines())
    assert (first["id"], first["present"], first["uncertain"]) == (1, ["Atrial Fibrillation"], ["LVH"])
    assert (second["id"], second["negated"]) == ("b", ["LBBB"])
    hedged = first["findings"][1]
    assert (hedged["label"], hedged["text"], hedged["cue"], hedged["cue_start"]) == ("LVH", "LVH", "Possible", 4)


def test_explained_for_people() -> None:
    ended = RUN.invoke(app, ["labels", "extract", "-", "--explain", "--profile", "strict"], input=REPORTS)
    assert 'uncertain: LVH ("LVH", because of "Possible")' in ended.stdout and ended.exit_code == 0


@pytest.mark.parametrize(
    "bad",
    [b"nonsense", b"[1]", b'{"id": 1}', b'{"text": "LVH"}', b'{"id": 1, "text": 2}', b"[" * 9999,
     b'{"id": NaN, "text": "LVH"}', b'{"id": [1e999], "text": "LVH"}', '{"id": 1, "text": "für"}'.encode("latin-1")],
)  # fmt: skip
def test_a_bad_line_is_named_and_what_came_before_is_written(bad: bytes) -> None:
    ended = RUN.invoke(app, ["labels", "extract", "-"], input=REPORTS.encode() + bad + b"\n")
    assert ended.exit_code == 2 and "line 4" in ended.stderr and len(ended.stdout.splitlines()) == 2


def test_a_byte_order_mark_is_passed_over() -> None:
    ended = RUN.invoke(app, ["labels", "extract", "-"], input=REPORTS.encode("utf-8-sig"))
    assert ended.exit_code == 0 and len(ended.stdout.splitlines()) == 2


def test_a_vocabulary_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(builtin_text().replace("        - nsr\n", "        - nsr\n        - wobbly\n", 1), encoding="utf-8")
    given = '{"id": 1, "text": "wobbly"}\n'
    ended = RUN.invoke(app, ["labels", "extract", "-", "--vocabulary", str(file)], input=given)
    assert json.loads(ended.stdout)["present"] == ["Sinus Rhythm"]
    assert RUN.invoke(app, ["labels", "validate", str(file)]).exit_code == 0
    text = builtin_text().replace("septal_mi: anterior", "septal_mi: both", 1)
    line = 1 + text.split("\n").index("  septal_mi: both")
    file.write_text(text, encoding="utf-8")
    ended = RUN.invoke(app, ["labels", "validate", str(file)])
    assert ended.exit_code == 2 and f"line {line}" in ended.stderr
    assert RUN.invoke(app, ["labels", "extract", "-", "--profile", "none"], input=given).exit_code == 2


@pytest.mark.parametrize(("arguments", "lines"), [(["labels", "extract", "-"], 2), (["--version"], 1)])
def test_it_loads_neither_the_service_nor_torch(arguments: list[str], lines: int) -> None:
    code = (
        f"import sys; sys.argv = {['overread', *arguments]}\n"
        "from app.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'wfdb', 'fastapi', 'celery') if m in sys.modules], file=sys.stderr)"
    )
    nowhere = {**os.environ, "OVERREAD_DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:1/none"}
    ended = subprocess.run(
        [sys.executable, "-c", code], input=REPORTS, capture_output=True, text=True, check=True, env=nowhere
    )
    assert len(ended.stdout.splitlines()) == lines and ended.stderr.strip().endswith("[]")
