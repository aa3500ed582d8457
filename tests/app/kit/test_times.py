"""Whatever a client sends as a time is in UTC and can be kept, or is refused by name."""

import json
from datetime import UTC, date, datetime

import httpx
import pytest
from pydantic import TypeAdapter, ValidationError

from app.kit.times import Time, TimeWithOffset
from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb

TIME, WITH_OFFSET = TypeAdapter[datetime](Time), TypeAdapter[datetime](TimeWithOffset)
TEN = datetime(2026, 3, 1, 10, tzinfo=UTC)
NO_TIMES = {
    '"0001-01-01T00:00:00+14:00"': "outside the years 1 to 9999",
    '"9999-12-31T23:59:59-14:00"': "outside the years 1 to 9999",
    '"0001-01-01T00:00:00Z"': "leave it out",
    '"20210326"': "ISO 8601",
    '"2021"': "ISO 8601",
    '"-1.5e3"': "ISO 8601",
    '"٢٠٢١-٠٣-٢٦"': "ISO 8601",
    "1616716800": "ISO 8601",
    "1616716800.5": "ISO 8601",
    "true": "ISO 8601",
    '"2021-03-32T00:00:00Z"': "valid datetime",
}


def test_an_instant_is_one_time_however_it_is_written() -> None:
    for kind in (TIME, WITH_OFFSET):
        for written in ("2026-03-01T10:00:00Z", "2026-03-01 23:30+13:30", "2026-02-28T20:00:00.000-14:00"):
            assert kind.validate_json(json.dumps(written)).isoformat() == TEN.isoformat()
        assert kind.validate_python(TEN.astimezone()).isoformat() == TEN.isoformat()
        assert kind.json_schema() == {"type": "string", "format": "date-time"}


def test_without_an_offset_it_is_utc_or_refused() -> None:
    for given in ("2026-03-01", "2026-03-01T00:00", date(2026, 3, 1), datetime(2026, 3, 1)):
        assert TIME.validate_python(given).isoformat() == "2026-03-01T00:00:00+00:00"
        with pytest.raises(ValidationError, match="timezone"):
            WITH_OFFSET.validate_python(given)


@pytest.mark.parametrize(("written", "why"), NO_TIMES.items())
def test_what_is_no_time_we_can_keep_is_refused(written: str, why: str) -> None:
    for kind in (TIME, WITH_OFFSET):
        with pytest.raises(ValidationError, match=why):
            kind.validate_json(written)


def test_every_operation_that_takes_a_time_refuses_by_field(client: httpx.Client) -> None:
    recording = next(iter(simulate(1, seed=3))).recording
    files = [("file", item) for item in write_wfdb(recording, "r").items()]
    ecg = client.post("/v1/ecgs", files=files).json()["id"]

    def refusals(time: object) -> list[tuple[str, httpx.Response]]:
        reading = {"source": "overread", "text": "AF", "authored_at": time}
        form = {"metadata": json.dumps({"recorded_at": time})}
        answers = [
            ("metadata.recorded_at", client.post("/v1/ecgs", files=files, data=form)),
            ("authored_at", client.post(f"/v1/ecgs/{ecg}/reports", json=reading)),
        ]
        for name in ("from", "to"):
            answers.append((name, client.post("/v1/datasets", json={"name": "d", name: time})))
            answers += [
                (f"query.{name}", client.get(f"/v1/{path}", params={name: str(time)}))
                for path in ("disagreement", "disagreement/ecgs", "readers/agreement", "readers/a")
            ]
        return answers

    for written, why in NO_TIMES.items():
        for field, answer in refusals(json.loads(written)):
            assert answer.status_code == 422, (written, field, answer.text)
            assert [error["field"] for error in answer.json()["errors"]] == [field]
            assert why in answer.json()["errors"][0]["reason"]
    assert client.get(f"/v1/ecgs/{ecg}").json()["reports"] == []
    assert client.get("/v1/ecgs").status_code == 200
    for plain in ("2021-03-26", "2021-03-26T10:00", "2021-03-26T10:00:00+02:00"):
        assert client.get("/v1/disagreement", params={"from": plain}).status_code == 200


def test_the_page_of_the_api_says_that_they_are_times(client: httpx.Client) -> None:
    page = client.get("/openapi.json").json()
    schemas = page["components"]["schemas"]
    found = [schemas["ReportIn"]["properties"]["authored_at"], schemas["DatasetIn"]["properties"]["from"]]
    parameters = page["paths"]["/v1/disagreement"]["get"]["parameters"]
    found += [each["schema"] for each in parameters if each["name"] in ("from", "to")]
    assert len(found) == 4
    for each in found:
        assert {"type": "string", "format": "date-time"} in each["anyOf"]
