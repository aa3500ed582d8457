"""A body that cannot be read is refused with a field and a reason."""

import httpx
import pytest

JSON = "application/json"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "Invalid JSON: Expecting property name enclosed in double quotes (character 1)"),
        (b'{"text": "caf\xe9"}', "is not UTF-8"),
        (b"[" * 200_000, "is nested too deeply"),
        (b'{"text": ' + b"1" * 5_000 + b"}", "holds a number of too many digits"),
    ],
    ids=["broken", "latin-1", "deep", "long number"],
)
def test_json_that_cannot_be_read_says_why(client: httpx.Client, body: bytes, reason: str) -> None:
    answer = client.post("/v1/labels/extract", content=body, headers={"content-type": JSON})
    assert answer.status_code == 422, answer.text
    assert [(error["field"], error["reason"]) for error in answer.json()["errors"]] == [("body", reason)]


def test_json_that_is_read_by_hand_or_in_a_form_says_why(client: httpx.Client) -> None:
    asked = client.post("/v1/predictions", content=b"{", headers={"content-type": JSON})
    uploaded = client.post("/v1/ecgs", files={"file": ("x.hea", b"x 12 500 5000")}, data={"metadata": "{"})
    for answer, field in ((asked, "body"), (uploaded, "metadata")):
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["field"] == field
        assert answer.json()["errors"][0]["reason"].startswith("Invalid JSON: EOF while parsing")


@pytest.mark.parametrize("given", ["text/plain", "application/x-www-form-urlencoded", None])
def test_json_under_another_name_is_told_its_content_type(client: httpx.Client, given: str | None) -> None:
    headers = {"content-type": given} if given else {}
    answer = client.post("/v1/labels/extract", content=b'{"text": "Sinus rhythm"}', headers=headers)
    assert answer.status_code == 415, answer.text
    assert answer.json()["detail"] == f"Send the body as {JSON}."


def test_a_form_that_cannot_be_read_is_named(client: httpx.Client) -> None:
    for path in ("/v1/ecgs", "/v1/predictions"):
        answer = client.post(path, content=b"no parts", headers={"content-type": "multipart/form-data"})
        assert answer.status_code == 422, answer.text
        assert answer.json()["detail"] == "body: Missing boundary in multipart."


def test_a_reason_is_a_sentence_without_its_class(client: httpx.Client) -> None:
    answer = client.post("/v1/labels/extract", json={"text": "Sinus\x00rhythm"})
    assert answer.json()["errors"] == [
        {"field": "text", "code": "value_error", "reason": "must not hold control characters"}
    ]
