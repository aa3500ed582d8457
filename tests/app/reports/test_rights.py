"""A final over-read is somebody's who answers for it."""

import httpx
import pytest

from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb


@pytest.fixture
def ecg(client: httpx.Client) -> str:
    files = [("file", item) for item in write_wfdb(next(simulate(1, seed=2)).recording, "r").items()]
    return str(client.post("/v1/ecgs", files=files, data={"machine_report": "Sinus rhythm"}).json()["id"])


@pytest.mark.parametrize(
    ("role", "reader", "final", "status"),
    [
        ("reader", "dr-x", True, 403),
        ("researcher", "dr-x", True, 403),
        ("admin", "dr-x", True, 201),
        ("reader", "reader", True, 201),
        ("researcher", "researcher", True, 201),
        ("reader", None, True, 201),
        ("reader", "dr-x", False, 201),
        ("reader", None, False, 201),
    ],
)
def test_who_may_file_what(
    client: httpx.Client, keys: dict[str, str], ecg: str, role: str, reader: str | None, final: bool, status: int
) -> None:
    given = {"source": "overread", "text": "Atrial flutter", "reader": reader, "final": final}
    headers = {"Authorization": f"Bearer {keys[role]}"}
    answer = client.post(f"/v1/ecgs/{ecg}/reports", json=given, headers=headers)
    assert answer.status_code == status, answer.text
    if status == 403:
        assert answer.json()["errors"][0]["field"] == "final"
        assert len(client.get(f"/v1/ecgs/{ecg}/reports").json()["items"]) == 1
    elif final and reader is None:
        assert answer.json()["reader"] == role


def test_nobody_takes_back_anothers_final_over_read(client: httpx.Client, keys: dict[str, str], ecg: str) -> None:
    final = {"source": "overread", "text": "Atrial flutter", "reader": "board", "final": True}
    assert client.post(f"/v1/ecgs/{ecg}/reports", json=final).status_code == 201
    reader = {"Authorization": f"Bearer {keys['reader']}"}
    for text in ("Atrial flutter", "Sinus rhythm"):
        later = {"source": "overread", "text": text, "reader": "board"}
        assert client.post(f"/v1/ecgs/{ecg}/reports", json=later, headers=reader).status_code == 403
    files = [("file", item) for item in write_wfdb(next(simulate(1, seed=2)).recording, "r").items()]
    again = client.post("/v1/ecgs", files=files, data={"overread_report": "Sinus rhythm"}, headers=reader)
    assert again.status_code == 200
    assert [(r["reader"], r["final"]) for r in again.json()["reports"] if r["reader"]] == [("board", True)]
