"""A report in a language that is not shipped is unread: it has no finding, and says so."""

import itertools
import json
from pathlib import Path

import pytest

from ml.labeling import Labeler, Masks, Vocabulary, builtin_labeler, builtin_text

LABELS = Path(__file__).resolve().parents[3] / "../shared/labels"
LABELER = builtin_labeler()
FILES = sorted((Path(__file__).parent / "languages").glob("*.txt"))


def reports(file: Path) -> list[str]:
    """Return the reports of a file but those that two or three words do not tell from English or German ("!")."""
    lines = file.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line and line[0] not in "#!"]
    return [line.split(": ", 1)[1] for line in kept] if file.stem == "other" else kept


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_another_language_is_unread(file: Path) -> None:
    made = reports(file)
    assert len(made) >= 30
    for text in [*made, *map(str.upper, made), *("\n".join(pair) for pair in itertools.pairwise(made))]:
        reading = LABELER.read(text)
        assert (reading.unread, reading.findings, reading.masks()) == (True, (), Masks(0, 0, 0, 0)), text
        assert reading.unmapped == reading.statements


@pytest.mark.parametrize(
    ("text", "language", "unread"),
    [
        ("Inferior infarkt", None, True),
        ("Inferior infarkt", "sv", True),
        ("Sinus rhythm, LVH", "fr", True),
        ("Rythme sinusal, BBG", "en", False),
        ("Linksschenkelblock", "de", False),
        ("ECG normal, NSR", None, False),
        ("Auricular flutter 2:1", None, False),
        ("Flutter auricular 2:1", None, True),
        ("Sinustachycardie, LSB", None, False),
        ("STEMI inferior", None, False),
    ],
)
def test_a_declared_language_decides(text: str, language: str | None, unread: bool) -> None:
    reading = LABELER.read(text, language)
    assert reading.unread is unread
    assert not (unread and (reading.findings or any(reading.masks())))


def test_english_and_german_are_read() -> None:
    here = Path(__file__).parent
    for file in [here / "policy_cases.txt", *here.glob("heldout_cases*.txt"), *here.glob("blind/*.txt")]:
        for line in file.read_text(encoding="utf-8").splitlines():
            if "=>" in line and not line.startswith("#"):
                text = line.removeprefix("! ").rsplit("=>", 1)[0].strip().replace(" ⏎ ", "\n")
                assert not LABELER.read(text).unread, text


@pytest.mark.parametrize("name", ["gold_public.jsonl", "gold_public_2.jsonl"])
def test_gold_reports_are_read_but_those_in_other_languages(name: str) -> None:
    if not (LABELS / name).exists():
        pytest.skip(f"{LABELS / name} is absent")
    for line in (LABELS / name).read_text(encoding="utf-8").splitlines():
        report = json.loads(line)
        if any(report[status] for status in ("labels", "uncertain", "negated", "historical")):
            assert not LABELER.read(report["text"]).unread, report["text"]


def test_a_vocabulary_without_the_share_reads_everything() -> None:
    labeler = Labeler(Vocabulary.parse(builtin_text().replace("unread_above: 0.45", "unread_above: 1")))
    assert not labeler.read("Ritmo de marca-passo. Sem sinais de infarto anterior.").unread
