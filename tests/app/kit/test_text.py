"""Which characters a report's text may hold, and what becomes of them."""

import httpx
import pytest

from app.kit.database import Database
from app.vocabularies.service import Labelers
from tests.app.vocabularies.test_vocabularies import add_ecg


@pytest.fixture
def ecg(database: Database) -> str:
    """An ECG with both reports."""
    return str(add_ecg(database, Labelers(), "Sinus rhythm", "Sinus rhythm"))


LINE_ENDS = ["\f", "\v", "\x85", "\u2028", "\u2029", "\r", "\n"]


def said(client: httpx.Client, text: str) -> list[tuple[str, str, str]]:
    """The findings of a text, each with what stands at its place."""
    found = client.post("/v1/labels/extract", json={"text": text}).json()["findings"]
    return [(each["label"], each["status"], text[each["start"] : each["end"]]) for each in found]


@pytest.mark.parametrize("end", LINE_ENDS)
def test_what_ends_a_line_or_a_page_ends_a_statement(client: httpx.Client, end: str) -> None:
    """Also between two words without another blank; offsets are those of the text that was sent."""
    assert said(client, f"No AF{end}LVH") == [("afib", "negated", "AF"), ("lvh", "present", "LVH")]


@pytest.mark.parametrize("end", ["\f", "\v", "\r", "\n"])
def test_a_statement_may_go_across_a_page_break(client: httpx.Client, end: str) -> None:
    assert said(client, f"Left anterior{end}hemiblock{end}") == [("lad", "present", f"Left anterior{end}hemiblock")]


def test_a_page_break_is_stored_as_a_line_end(client: httpx.Client, ecg: str) -> None:
    added = client.post(f"/v1/ecgs/{ecg}/reports", json={"source": "overread", "text": "AF\fLVH\v\nRBBB\x85LBBB"})
    assert (added.status_code, added.json()["text"]) == (201, "AF\nLVH\n\nRBBB\x85LBBB")
    for finding in added.json()["findings"]:
        assert added.json()["text"][finding["start"] : finding["end"]] == finding["text"]


@pytest.mark.parametrize("control", ["\0", "\x07", "\x1c", "\x1d", "\x1e", "\x1f", "\x7f"])
def test_another_control_character_is_refused_by_its_field(client: httpx.Client, ecg: str, control: str) -> None:
    text = f"AF{control} LVH"
    ways = {
        "body.text": client.post("/v1/labels/extract", json={"text": text}),
        "text": client.post(f"/v1/ecgs/{ecg}/reports", json={"source": "overread", "text": text}),
    }
    for field, answer in ways.items():
        [error] = answer.json()["errors"]
        assert (answer.status_code, error["reason"]) == (422, "must not hold control characters"), field
        assert error["field"].endswith("text") and control not in answer.text


def test_offsets_count_code_points(client: httpx.Client) -> None:
    """A character outside the basic plane is one, though JavaScript counts two."""
    assert said(client, "😀 \u200bAF") == [("afib", "present", "AF")]
