"""The PDF is to scale: its vector operators are read, and a step of 1 mV and 200 ms is measured in them."""

import json
import re
import zlib
from itertools import pairwise
from typing import Any

import httpx
import pytest

from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb
from tests.browser.ecgs.steps import KINDS, upload

MM = 25.4 / 72
Line = list[tuple[float, float]]


def sheets(pdf: bytes) -> list[str]:
    """Return the drawing operators of each page."""
    streams = (
        zlib.decompress(found[1]) for found in re.finditer(rb"FlateDecode.*?stream\n(.*?)\nendstream", pdf, re.S)
    )
    return [text.decode("latin-1") for text in streams if b" re f" in text or b" m\n" in text or b" l" in text]


def lines(sheet: str) -> list[Line]:
    """Return the polylines of a page in millimetres, upwards."""
    found: list[Line] = []
    for x, y, operator in re.findall(r"(-?[\d.]+) (-?[\d.]+) ([ml])\b", sheet):
        if operator == "m":
            found.append([])
        found[-1].append((float(x) * MM, float(y) * MM))
    return found


def printed(client: httpx.Client, ecg_id: str, **parameters: Any) -> list[str]:
    answer = client.get(f"/v1/ecgs/{ecg_id}/plot.pdf", params=parameters)
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/pdf"
    return sheets(answer.content)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.unit)
@pytest.mark.parametrize(("speed", "gain", "pages"), [("25", "10", 1), ("50", "20", 2), ("12.5", "5", 1)])
def test_a_millivolt_and_200_ms_have_their_millimetres(
    client: httpx.Client, kind: Any, speed: str, gain: str, pages: int
) -> None:
    found = printed(client, upload(client, kind), speed=speed, gain=gain, layout="12x1")
    assert len(found) == pages
    traces = [line for sheet in found for line in lines(sheet) if len(line) > 100]
    assert len(traces) == 12 * pages
    for trace in traces:
        low, high = min(y for _, y in trace), max(y for _, y in trace)
        assert high - low == pytest.approx(float(gain), abs=0.02)
        middle = (low + high) / 2
        edges = [(x1 + x2) / 2 for (x1, y1), (x2, y2) in pairwise(trace) if (y1 > middle) != (y2 > middle)]
        assert edges[1] - edges[0] == pytest.approx(0.2 * float(speed), abs=0.02)
        assert edges[2] - edges[0] == pytest.approx(float(speed), abs=0.02)


@pytest.mark.parametrize("layout", ["3x4", "3x4+3", "6x2", "12x1"])
def test_every_layout_fits_on_its_sheet_with_its_grid(client: httpx.Client, layout: str) -> None:
    [sheet] = printed(client, upload(client, KINDS[1]), layout=layout)
    drawn = [point for line in lines(sheet) for point in line]
    assert all(0 <= x <= 297 and 0 <= y <= 210 for x, y in drawn)
    upright = sorted({round(line[0][0], 2) for line in lines(sheet) if len(line) == 2 and line[0][0] == line[1][0]})
    steps = {round(b - a, 1) for a, b in pairwise(upright)}
    assert steps == {1.0} and len(upright) == 276
    strips = {"3x4": 13, "3x4+3": 15, "6x2": 13, "12x1": 12}[layout]
    assert sum(len(line) > 100 for line in lines(sheet)) == strips


def test_what_cannot_be_printed_is_refused(client: httpx.Client) -> None:
    ecg_id = upload(client, KINDS[0])
    for wrong in ({"layout": "4x4"}, {"speed": "30"}, {"gain": "0"}, {"start_s": 10}, {"start_s": -1}, {"zoom": 2}):
        assert client.get(f"/v1/ecgs/{ecg_id}/plot.pdf", params=wrong).status_code == 422, wrong


def test_it_is_kept_by_its_etag_and_takes_any_caption(client: httpx.Client) -> None:
    files = [("file", item) for item in write_wfdb(next(simulate(1, seed=3)).recording, "r").items()]
    metadata = json.dumps({"site": "Αθήνα 心電図 \u202e(x)", "device": "\\) Tj"})
    ecg_id = client.post("/v1/ecgs", files=files, data={"metadata": metadata}).json()["id"]
    answer = client.get(f"/v1/ecgs/{ecg_id}/plot.pdf")
    assert answer.content.startswith(b"%PDF")
    etag = {"If-None-Match": answer.headers["etag"]}
    assert client.get(f"/v1/ecgs/{ecg_id}/plot.pdf", headers=etag).status_code == 304
    assert client.get(f"/v1/ecgs/{ecg_id}/plot.pdf", params={"gain": "5"}, headers=etag).status_code == 200
    assert client.get(f"/v1/ecgs/{ecg_id}/plot.pdf").content == answer.content
