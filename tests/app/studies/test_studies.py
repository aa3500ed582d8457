"""What a study may be asked for, and who may ask."""

from typing import Any

import httpx
import pytest

NOBODY = "5b2c1b0e-0000-4000-8000-000000000000"


def test_a_study_of_no_dataset_is_refused(client: httpx.Client) -> None:
    answer = client.post("/v1/studies", json={"dataset": NOBODY})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "dataset")


@pytest.mark.parametrize(
    ("asked", "field", "words"),
    [
        ({"paradigms": ["supervised", "telepathy"]}, "paradigms", "no such paradigm: telepathy"),
        ({"paradigms": ["self_training"]}, "unlabelled", "needs an unlabelled dataset"),
        ({"preset": "huge"}, "preset", "Input should be"),
        ({"seeds": [0, 0]}, "body", "seeds: a value appears twice"),
        ({"overrides": {"dataset": "/etc"}}, "body", "the study itself sets dataset"),
        ({"overrides": {"x": "a\x00b"}}, "body", "remove the NUL character"),
        ({"overrides": {"epochs": 0}}, "overrides.epochs", "greater than or equal to 1"),
        ({"overrides": {"text": {"width": 30, "heads": 8}}}, "overrides.text", "is not a multiple of"),
        ({"overrides": {"accumulate": 64, "batch_size": 8}}, "overrides", "Supervised: accumulate"),
        ({"title": "a\x00b"}, "title", "pattern"),
        ({"grid": {"epochs": [4, 0]}}, "grid.epochs", "greater than or equal to 1"),
        ({"grid": {"start_from": ["/etc"]}}, "grid.start_from", "Extra inputs"),
        ({"grid": {"preset": ["tiny", "huge"]}}, "grid.preset", "Supervised, preset huge: Input should be"),
        ({"grid": {"batch_size": [64, 8], "accumulate": [1, 16]}}, "grid", "batch of 8 windows has no 16 parts"),
        ({"grid": {"contrastive.targets": ["masked"]}}, "grid", "none of the paradigms has the setting"),
        ({"grid": {"seed": [1]}}, "body", "grid: the study itself sets seed"),
        ({"grid": {"epochs": list(range(1, 41)), "batch_size": list(range(1, 41))}}, "body", "1,600 training runs"),
        ({"colour": "red"}, "colour", "Extra inputs"),
    ],
)
def test_what_a_study_cannot_be_is_refused_by_field(
    client: httpx.Client, asked: dict[str, Any], field: str, words: str
) -> None:
    answer = client.post("/v1/studies", json={"dataset": NOBODY, **asked})
    assert answer.status_code == 422, answer.text
    error = answer.json()["errors"][0]
    assert error["field"] == field and words in error["reason"], error


@pytest.mark.parametrize("name", ["start_from", "text_folder", "device", "threads", "corpus_on_gpu", "unlabelled"])
@pytest.mark.parametrize("paradigm", [None, "supervised", "clip", "self_training"])
def test_what_only_the_server_may_say_is_refused_whether_the_path_is_there_or_not(
    client: httpx.Client, name: str, paradigm: str | None
) -> None:
    """A path that is there and one that is not get the same answer: the request is refused by the setting's name."""

    def refusal(value: str) -> tuple[int, list[dict[str, str]]]:
        overrides = {name: value}
        asked = {"overrides": overrides} if paradigm is None else {"paradigm_overrides": {paradigm: overrides}}
        answer = client.post("/v1/studies", json={"dataset": NOBODY, **asked})
        return answer.status_code, answer.json()["errors"]

    status, errors = refusal("/etc")
    assert (status, name in errors[0]["field"] + errors[0]["reason"]) == (422, True)
    assert (status, errors) == refusal("/nowhere/at/all")


def test_only_researchers_start_studies(client: httpx.Client, keys: dict[str, str]) -> None:
    viewer = {"Authorization": f"Bearer {keys['viewer']}"}
    assert client.post("/v1/studies", json={"dataset": NOBODY}, headers=viewer).status_code == 403
    assert client.get(f"/v1/studies/{NOBODY}", headers=viewer).status_code == 404
