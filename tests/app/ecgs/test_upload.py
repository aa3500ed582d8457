"""What an upload keeps, answers and refuses."""

import io
import itertools
import xml.etree.ElementTree as ET
from pathlib import Path

import httpx
import numpy as np
import pytest
import wfdb

from app.kit.database import Database
from app.kit.folders import Folders
from app.models.starter import ensure_starter
from app.settings import Settings
from ml.corpus.simulator import simulate
from ml.formats import LEADS, Recording
from ml.formats.wfdb import write_wfdb
from tests.app.ecgs.test_packing import unpacked


def parts(files: dict[str, bytes]) -> list[tuple[str, tuple[str, bytes]]]:
    return [("file", item) for item in files.items()]


@pytest.fixture
def recording() -> Recording:
    return next(simulate(1, seed=3)).recording


@pytest.fixture
def starter(database: Database, settings: Settings) -> None:
    """A model that an upload can be asked about."""
    ensure_starter(database, Folders(settings.data_dir))


def upload(client: httpx.Client, recording: Recording, **fields: str) -> httpx.Response:
    return client.post("/v1/ecgs", files=parts(write_wfdb(recording, "r")), data=fields)


def test_an_upload_reads_back_sample_for_sample(client: httpx.Client, recording: Recording) -> None:
    answer = upload(client, recording, machine_report="Sinus rhythm", overread_report="Possible inferior infarct")
    assert answer.status_code == 201
    ecg = answer.json()
    assert [(r["source"], [(f["label"], f["status"]) for f in r["findings"]]) for r in ecg["reports"]] == [
        ("machine", [("sinus_rhythm", "present")]),
        ("overread", [("inferior_mi", "uncertain")]),
    ]
    raw = client.get(f"/v1/ecgs/{ecg['id']}/waveform", params={"stage": "raw", "format": "npy"})
    assert np.array_equal(np.load(io.BytesIO(raw.content)), recording.millivolts())
    assert float(raw.headers["Sampling-Rate-Hz"]) == recording.sampling_rate_hz
    as_json = client.get(f"/v1/ecgs/{ecg['id']}/waveform").json()
    assert as_json["leads"] == list(LEADS) and as_json["samples"][0] == recording.millivolts()[0].tolist()
    as_packed = client.get(f"/v1/ecgs/{ecg['id']}/waveform", params={"format": "packed"})
    gains = np.array([float(gain) for gain in as_packed.headers["Signal-Gain"].split(",")])
    steps = unpacked(np.load(io.BytesIO(as_packed.content)))
    assert np.array_equal(steps / gains[:, None], recording.millivolts())
    assert as_packed.headers["Content-Encoding"] == "gzip"
    assert as_packed.num_bytes_downloaded < len(raw.content) / 8
    refused = client.get(f"/v1/ecgs/{ecg['id']}/waveform", params={"stage": "window", "format": "packed"})
    assert refused.status_code == 422
    window = client.get(f"/v1/ecgs/{ecg['id']}/waveform", params={"stage": "window", "format": "npy"})
    assert np.load(io.BytesIO(window.content)).shape == (1, 12, 2500)


def test_an_uncalibrated_file_has_no_scale_anywhere(client: httpx.Client, recording: Recording) -> None:
    files = write_wfdb(Recording(recording.samples, np.full(12, 200.0), recording.sampling_rate_hz), "r")
    calibrated = client.post("/v1/ecgs", files=parts(files)).json()["id"]
    answer = client.post("/v1/ecgs", files=parts({**files, "r.hea": files["r.hea"].replace(b" 200(0)/mV", b" 0")}))
    assert answer.status_code == 201  # another ECG than the one whose scale is known
    for ecg_id, unit, is_marked in ((calibrated, "mV", False), (answer.json()["id"], "unknown", True)):
        at = f"/v1/ecgs/{ecg_id}"
        assert client.get(f"{at}/waveform", params={"format": "npy"}).headers["Signal-Unit"] == unit
        assert client.get(f"{at}/waveform").json()["unit"] == unit
        plot = client.get(f"{at}/plot.svg").text
        assert ("NOT TO SCALE" in plot, "10 mm/mV" in plot) == (is_marked, not is_marked)


def test_the_same_waveform_is_the_same_ecg(client: httpx.Client, recording: Recording) -> None:
    first = upload(client, recording, machine_report="Sinus rhythm")
    again = upload(client, recording, machine_report="Sinus rhythm", metadata='{"site": "north"}')
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert again.json()["site"] == "north" and len(again.json()["reports"]) == 1
    other = upload(client, recording, metadata='{"site": "south"}').json()
    assert other["site"] == "north" and other["conflicts"] == ["site"]


def test_every_reason_is_named_and_nothing_is_kept(client: httpx.Client, recording: Recording) -> None:
    flat = recording.samples[:, :2000].copy()
    flat[3] = 0
    answer = upload(client, Recording(flat, recording.gain, 200.0), metadata='{"age": 300}')
    assert answer.status_code == 422 and answer.headers["content-type"] == "application/problem+json"
    codes = {error["code"] for error in answer.json()["errors"]}
    assert {"less_than_equal", "constant_lead", "sampling_rate_too_low"} <= codes
    assert client.get("/v1/ecgs").json() == {"items": [], "next_cursor": None, "simulated": False}


@pytest.mark.usefixtures("starter")
@pytest.mark.parametrize("path", ["/v1/ecgs", "/v1/predictions"])
def test_a_report_of_identifiers_alone_is_named_with_everything_else(client: httpx.Client, path: str) -> None:
    fields = {"machine_report": "MRN: 12345", "metadata": '{"age": 300}'}
    answer = client.post(path, files={"file": ("x.hea", b"no header")}, data=fields)
    assert answer.status_code == 422, answer.text
    found = {error["field"]: error["reason"] for error in answer.json()["errors"]}
    assert found.keys() == {"metadata.age", "machine_report", "file"}
    assert found["machine_report"] == "holds no diagnosis statement" and "12345" not in answer.text


@pytest.mark.usefixtures("starter")
@pytest.mark.parametrize("path", ["/v1/ecgs", "/v1/predictions"])
@pytest.mark.parametrize(
    ("field", "characters"), [("machine_report", 65_537), ("overread_report", 2_000_000), ("metadata", 10_001)]
)
def test_a_text_that_is_too_long_is_413_by_its_field(
    client: httpx.Client, recording: Recording, path: str, field: str, characters: int
) -> None:
    answer = client.post(path, files=parts(write_wfdb(recording, "r")), data={field: "x" * characters})
    assert answer.status_code == 413, answer.text
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, "too_large")]


def test_no_patient_number_is_stored_or_shown(client: httpx.Client, recording: Recording, settings) -> None:  # type: ignore[no-untyped-def]
    answer = upload(client, recording, metadata='{"patient_id": "4711-secret"}')
    assert "4711" not in answer.text and len(answer.json()["patient"]) == 64
    assert not any(b"4711-secret" in path.read_bytes() for path in settings.data_dir.rglob("*") if path.is_file())


def test_pages_hold_every_ecg_once(client: httpx.Client) -> None:
    sent = {upload(client, ecg.recording).json()["id"] for ecg in simulate(5, seed=4)}
    seen, cursor = [], None
    for _ in itertools.count():
        page = client.get("/v1/ecgs", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        seen += [ecg["id"] for ecg in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert len(seen) == 5 and set(seen) == sent


def test_the_plot_is_calibrated_svg(client: httpx.Client, recording: Recording) -> None:
    ecg = upload(client, recording, metadata='{"simulated": true, "site": "<script>"}').json()
    svg = client.get(f"/v1/ecgs/{ecg['id']}/plot.svg")
    root = ET.fromstring(svg.text)
    assert root.attrib["width"].endswith("mm") and "SIMULATED" in svg.text and "<script>" not in svg.text
    [rhythm] = [e for e in root.iter("{http://www.w3.org/2000/svg}polyline") if len(e.attrib["points"].split()) == 5000]
    points = np.array([p.split(",") for p in rhythm.attrib["points"].split()], float)
    assert points[-1, 0] - points[0, 0] == pytest.approx(25 * 4999 / 500, abs=0.02)
    signal = recording.millivolts()[1]
    assert np.allclose(-(points[:, 1] - points[0, 1]) / 10, signal - signal[0], atol=0.002)


def test_real_records_are_what_the_wfdb_library_reads(client: httpx.Client, shared: Path) -> None:
    headers = sorted((shared / "ptbxl" / "records500" / "00000").glob("*.hea"))[:12]
    for header in headers:
        files = {path.name: path.read_bytes() for path in (header, header.with_suffix(".dat"))}
        ecg = client.post("/v1/ecgs", files=parts(files)).json()
        raw = client.get(f"/v1/ecgs/{ecg['id']}/waveform", params={"format": "npy"})
        expected = wfdb.rdrecord(str(header.with_suffix("")))
        names = [name.lower() for name in expected.sig_name]
        order = [names.index(lead.lower()) for lead in LEADS]
        assert np.array_equal(np.load(io.BytesIO(raw.content)), expected.p_signal[:, order].T)
