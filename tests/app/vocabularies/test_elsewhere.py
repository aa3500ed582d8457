"""Vocabularies are read in processes with limits; terms that find nothing are named."""

import asyncio

import httpx
import pytest

from app.kit.database import Database
from app.kit.problems import Problem
from app.vocabularies import preview as previews
from app.vocabularies.elsewhere import PROCESSES, Elsewhere
from app.vocabularies.service import Labelers
from ml.labeling import builtin, builtin_text
from tests.app.vocabularies.test_vocabularies import add_ecg

MANY = (
    "version: many\nlanguages: [en]\nlabels: [{key: a, name: A}]\ncues: []\nrules: [{labels: [a], terms: {en: [%s]}}]\n"
)


def with_label(version: str, terms: str) -> str:
    """The vocabulary that ships, with a 14th label that has these terms, before all other rules."""
    label = "  - {key: posterior_mi, name: Posterior MI}\n"
    yaml = builtin_text().replace(f"version: {builtin().version}", f"version: {version}")
    yaml = yaml.replace(label, f"{label}  - {{key: av_block, name: AV block}}\n", 1)
    return yaml.replace("\nrules:\n", f"\nrules:\n  - {{labels: [av_block], terms: {{en: [{terms}]}}}}\n", 1)


@pytest.mark.parametrize("limits", [{"memory_mib": 24}, {"cpu_s": 0}])
def test_a_file_that_takes_too_much_is_refused(limits: dict[str, int]) -> None:
    with pytest.raises(Problem) as refused:
        asyncio.run(Elsewhere(**limits).ask("yaml", builtin_text()))
    assert (refused.value.status_code, refused.value.errors[0].code) == (422, "too_costly")


def test_files_are_read_side_by_side_and_the_others_wait() -> None:
    async def ask() -> list[str]:
        elsewhere = Elsewhere()
        return [
            read["version"]
            for read in await asyncio.gather(*(elsewhere.ask("yaml", builtin_text()) for _ in range(PROCESSES + 1)))
        ]

    assert asyncio.run(ask()) == [builtin().version] * (PROCESSES + 1)


def test_a_megabyte_is_stored_or_refused_in_words(client: httpx.Client) -> None:
    words = ", ".join(f"{i:x}g word" for i in range(60_000))
    stored = client.post("/v1/vocabularies", json={"yaml": MANY % words})
    assert stored.status_code == 201, stored.text
    refused = client.post("/v1/vocabularies", json={"yaml": MANY % ("a," * 490_000)})
    assert refused.status_code == 422 and "values" in refused.json()["detail"]


def test_terms_that_find_nothing_are_named(client: httpx.Client) -> None:
    yaml = with_label("blocks", "first degree av block, prolonged pr interval, heart rate 40")
    answers = [
        client.post("/v1/vocabularies", json={"yaml": yaml}).json(),
        client.get("/v1/vocabularies/blocks").json(),
        client.post("/v1/vocabularies/preview", json={"yaml": yaml, "sample": 1}).json(),
    ]
    for answer in answers:
        hidden = answer["hidden_terms"]
        assert [each["term"] for each in hidden] == ["first degree av block", "heart rate 40"]
        assert "1st|first|2nd|second|3rd|third (degree) av|sa block" in hidden[0]["by"]
        assert hidden[0]["place"] == "rules.0.terms.en.0"


def test_a_preview_reads_its_file_and_its_texts_elsewhere(
    client: httpx.Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the limits, and before a job is started."""
    add_ecg(database, Labelers(), "Sinus rhythm", "Prolonged PR interval")
    yaml = with_label("blocks", "prolonged pr interval")
    for sample in (1, "all"):
        wrong = client.post("/v1/vocabularies/preview", json={"yaml": "version: x\n", "sample": sample})
        assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "yaml")
        assert client.post("/v1/vocabularies/preview", json={"version": "x", "sample": sample}).status_code == 404
    assert client.get("/v1/jobs").json()["items"] == []
    monkeypatch.setattr(previews, "MOST_CHARACTERS", 32)
    long = client.post("/v1/vocabularies/preview", json={"yaml": yaml, "sample": 2})
    assert (long.status_code, long.json()["errors"][0]["field"]) == (422, "sample")
    monkeypatch.undo()
    assert client.post("/v1/vocabularies/preview", json={"yaml": yaml, "sample": 2}).json()["reports_changed"] == 1
    client.app.state.elsewhere = Elsewhere(cpu_s=0)  # type: ignore[attr-defined]
    costly = client.post("/v1/vocabularies/preview", json={"yaml": yaml, "sample": 2})
    assert (costly.status_code, costly.json()["errors"][0]["code"]) == (422, "too_costly")


def test_a_text_is_read_elsewhere_under_a_version_that_is_not_active(client: httpx.Client) -> None:
    client.post("/v1/vocabularies", json={"yaml": with_label("blocks", "prolonged pr interval")})
    asked = {"text": "AF, possible LVH. Prolonged PR interval", "vocabulary": "blocks"}
    other = client.post("/v1/labels/extract", json=asked).json()
    active = client.post("/v1/labels/extract", json={**asked, "vocabulary": builtin().version}).json()
    assert other["vocabulary"] == "blocks"
    assert [finding for finding in other["findings"] if finding["label"] != "av_block"] == active["findings"]
    assert [finding["label"] for finding in other["findings"]][-1] == "av_block"
    assert client.post("/v1/labels/extract", json={**asked, "profile": "strict"}).status_code == 200
    refused = client.post("/v1/labels/extract", json={**asked, "profile": "none"})
    assert (refused.status_code, refused.json()["detail"]) == (422, "must be one of paper, strict")
    assert client.post("/v1/labels/extract", json={**asked, "vocabulary": "none"}).status_code == 404
    assert client.post("/v1/labels/extract", json={"text": "Agree with computer"}).json()["stance"] == "agrees"
