"""Files as people send them: read, or refused with a reason; never stored and then unusable."""

import httpx
import numpy as np
import pytest

from ml.corpus.simulator.heart import record
from ml.formats import Recording
from ml.formats.wfdb import write_wfdb


def recording(duration_s: float = 10.0) -> Recording:
    return record({"sinus_rhythm"}, np.random.default_rng(5), duration_s=duration_s)


def send(client: httpx.Client, files: dict[str, bytes]) -> httpx.Response:
    return client.post("/v1/ecgs", files=[("file", item) for item in files.items()])


def codes(answer: httpx.Response) -> set[str]:
    assert answer.status_code == 422, answer.text
    return {error["code"] for error in answer.json()["errors"]}


def test_an_ecg_that_gives_no_window_is_refused_at_upload(client: httpx.Client) -> None:
    ecg = recording(15.0)
    ecg.samples[11, :5000] = 0
    assert codes(send(client, write_wfdb(ecg, "r"))) == {"no_window"}
    assert client.get("/v1/ecgs").json()["items"] == []


def test_volts_sent_as_millivolts_are_refused(client: httpx.Client) -> None:
    files = write_wfdb(recording(), "r")
    assert codes(send(client, {**files, "r.hea": files["r.hea"].replace(b"(0)/mV", b"000(0)/mV")})) == {
        "implausible_amplitude"
    }


@pytest.mark.parametrize("place", ["records500/00000/", "C:\\ecgs\\", "/"])
def test_a_folder_is_sent_by_a_browser(client: httpx.Client, place: str) -> None:
    files = {f"{place}{name}": content for name, content in write_wfdb(recording(), "r").items()}
    assert send(client, files).status_code == 201


@pytest.mark.parametrize("new", ["16+" + "1" * 5_000, "16x" + "1" * 5_000, "1" * 5_000])
def test_a_number_of_5000_digits_is_a_reason(client: httpx.Client, new: str) -> None:
    files = write_wfdb(recording(), "r")
    changed = files["r.hea"].replace(b"r.dat 16 ", b"r.dat " + new.encode() + b" ", 1)
    assert codes(send(client, {**files, "r.hea": changed})) == {"bad_header"}


def test_any_name_of_a_site_leaves_the_plot_readable(client: httpx.Client) -> None:
    parts = [("file", item) for item in write_wfdb(recording(), "r").items()]
    ecg = client.post("/v1/ecgs", files=parts, data={"metadata": '{"site": "n\\uffffrth"}'}).json()
    plot = client.get(f"/v1/ecgs/{ecg['id']}/plot.svg")
    assert plot.status_code == 200 and "n\ufffdrth" in plot.text
