"""A run that needs an extra which is not installed is refused before it is a job."""

import sys
from typing import Any

import httpx
import pytest

NOBODY = "5b2c1b0e-0000-4000-8000-000000000000"
CONTRASTIVE: list[tuple[str, dict[str, Any]]] = [
    ("/v1/training-jobs", {"paradigm": "clip"}),
    ("/v1/training-jobs", {"paradigm": "negclip"}),
    ("/v1/studies", {"paradigms": ["supervised", "clip"]}),
    ("/v1/studies", {"ablations": {"granularity": True}}),  # of NegCLIP, which is not named
]


@pytest.mark.parametrize("package", ["tokenizers", "transformers"])
@pytest.mark.parametrize(("url", "asked"), CONTRASTIVE)
def test_clip_without_its_extra_is_refused_with_the_command(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, url: str, asked: dict[str, Any], package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # as where it is not installed
    answer = client.post(url, json={"dataset": NOBODY, **asked})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/text_extra_missing"), answer.text
    assert "pip install -c constraints.txt -e '.[text]'" in answer.json()["detail"]


@pytest.mark.parametrize("url", ["/v1/training-jobs", "/v1/studies"])
def test_what_needs_no_text_is_asked_for_its_dataset(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    answer = client.post(url, json={"dataset": NOBODY})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "dataset")


@pytest.mark.parametrize(("url", "asked"), CONTRASTIVE)
def test_with_the_extra_the_dataset_is_asked_for(client: httpx.Client, url: str, asked: dict[str, Any]) -> None:
    answer = client.post(url, json={"dataset": NOBODY, **asked})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "dataset")
