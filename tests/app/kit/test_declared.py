"""What an operation does not read is refused, not ignored."""

import httpx
import pytest


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/disagreement?sit=north", "query.sit"),
        ("/v1/disagreement/afib/ecgs?direction=added&from_=2024", "query.from_"),
        ("/v1/ecgs?page=2", "query.page"),
        ("/healthz?x=1", "query.x"),
    ],
)
def test_a_parameter_that_is_not_known_is_named(client: httpx.Client, path: str, field: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert (error["field"], error["code"]) == (field, "unknown")
    assert answer.headers["content-type"] == "application/problem+json"


def test_every_parameter_that_is_known_passes(client: httpx.Client) -> None:
    question = {"from": "2024-01-01", "sex": "female", "age_min": "3", "hedged": "ignore", "group_by": ["sex", "site"]}
    assert client.get("/v1/disagreement", params=question).status_code == 200


def test_filters_in_a_body_that_nobody_reads_are_not_taken_for_the_whole(client: httpx.Client) -> None:
    answer = client.post("/v1/disagreement/snapshots", json={"site": "north"})
    assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == "body"
    assert client.get("/v1/disagreement/snapshots").json()["items"] == []


@pytest.mark.parametrize("path", ["/v1/ecgs", "/v1/predictions"])
def test_a_form_field_that_is_not_known_is_named_and_nothing_is_stored(client: httpx.Client, path: str) -> None:
    files = {"file": ("x.hea", b"x 12 500 5000")}
    answer = client.post(path, files=files, data={"overread": "Atrial flutter; MRN 4711"})
    assert answer.status_code == 422, answer.text
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [("overread", "unknown")]
    assert "4711" not in answer.text
    assert client.get("/v1/ecgs").json()["items"] == []


@pytest.mark.parametrize("path", ["/v1/disagreement", "/v1/ecgs"])
def test_a_second_value_where_one_is_read_is_refused(client: httpx.Client, path: str) -> None:
    answer = client.get(path, params={"site": ["north", "south"]})
    assert answer.status_code == 422, answer.text
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [("query.site", "repeated")]


@pytest.mark.parametrize("path", ["/v1/ecgs", "/v1/predictions"])
def test_a_form_field_given_twice_is_refused(client: httpx.Client, path: str) -> None:
    files = {"file": ("x.hea", b"x 12 500 5000")}
    answer = client.post(path, files=files, data={"machine_report": ["Sinus rhythm", "Atrial flutter"]})
    assert answer.status_code == 422, answer.text
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [("machine_report", "repeated")]


@pytest.mark.parametrize("path", ["/v1/ecgs", "/v1/predictions"])
def test_a_file_sent_as_text_is_told_to_be_a_file(client: httpx.Client, path: str) -> None:
    answer = client.post(path, files=[("file", (None, "x 12 500 5000"))])
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert error["field"] == "file" and error["reason"].startswith("must be a file part")


def test_long_names_are_cut_and_many_are_counted_out(client: httpx.Client) -> None:
    errors = client.get("/v1/ecgs", params={f"{n:02}" + "x" * 500: "1" for n in range(50)}).json()["errors"]
    assert len(errors) == 20 and all(len(error["field"]) < 80 for error in errors)
