"""HTTP manners: methods, content types, caching, compression, preferences, origins, a full disk."""

import errno
import gzip
import io
import json
import uuid
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError

from app.ecgs.routes import METADATA_EXAMPLE
from app.kit.store import LocalStore
from app.main import ROUTERS, create_app
from app.settings import Settings
from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb

ROUTES = [
    pytest.param(method, route, id=f"{method} {route.path_format}")
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods)
]


def address(route: APIRoute) -> str:
    """An address of a route, of nothing that there is."""
    return route.path_format.format(**dict.fromkeys(route.param_convertors, str(uuid.UUID(int=7))))


@pytest.fixture
def ecg(client: httpx.Client) -> str:
    simulated = next(iter(simulate(1, seed=4)))
    files = [("file", item) for item in write_wfdb(simulated.recording, "r").items()]
    answer = client.post("/v1/ecgs", files=files, data={"metadata": METADATA_EXAMPLE})
    return f"/v1/ecgs/{answer.json()['id']}"


@pytest.fixture(scope="module")
def nothing(tmp_path_factory: pytest.TempPathFactory) -> httpx.Client:
    """A client of an application whose database is away: these questions ask it nothing."""
    url = "postgresql+psycopg://nobody@127.0.0.1:9/nothing"
    app = create_app(Settings(database_url=url, data_dir=tmp_path_factory.mktemp("data")))
    return TestClient(app, headers={"Authorization": "Bearer ovr_x"}, raise_server_exceptions=False)


@pytest.mark.parametrize(("method", "route"), ROUTES)
def test_options_says_what_an_address_takes_and_others_get_405(
    nothing: httpx.Client, method: str, route: APIRoute
) -> None:
    answer = nothing.options(address(route))
    assert answer.status_code == 204
    allowed = answer.headers["allow"].split(", ")
    assert {method, "OPTIONS"} <= set(allowed) and ("HEAD" in allowed) == ("GET" in allowed)
    refused = nothing.request("DELETE", address(route))
    if "DELETE" not in allowed:
        assert (refused.status_code, refused.headers["allow"]) == (405, ", ".join(allowed))


@pytest.mark.parametrize(("method", "route"), [each for each in ROUTES if each.values[0] != "GET"])
def test_a_body_of_another_content_type_is_a_415(client: httpx.Client, method: str, route: APIRoute) -> None:
    reads_body = route.body_field is not None or "requestBody" in (route.openapi_extra or {})
    answer = client.request(method, address(route), content=b"{}", headers={"Content-Type": "text/plain"})
    assert answer.status_code == (415 if reads_body else 422), answer.text


def test_an_address_of_nothing_is_a_404_for_every_method(nothing: httpx.Client) -> None:
    for method in ("GET", "HEAD", "OPTIONS", "POST"):
        assert nothing.request(method, "/v1/nothing").status_code == 404


def test_the_root_leads_to_the_pages(nothing: httpx.Client) -> None:
    answer = nothing.get("/", follow_redirects=False)
    assert answer.headers["location"] == "/disagreement"


@pytest.mark.parametrize("path", ["", "/waveform", "/waveform?format=npy", "/waveform?stage=window", "/plot.svg"])
def test_head_is_get_without_its_body(client: httpx.Client, ecg: str, path: str) -> None:
    get, head = client.get(ecg + path), client.head(ecg + path)
    own = {"x-request-id", "content-length", "vary", "content-encoding"}
    assert (head.status_code, head.content) == (200, b"")
    assert {*head.headers.items()} - {*get.headers.items()} <= {(n, v) for n, v in head.headers.items() if n in own}


def test_head_of_an_event_stream_ends_at_once(client: httpx.Client) -> None:
    url = client.post("/v1/datasets", json={"name": "a"}).headers["location"]
    answer = client.head(f"{url}/events")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")


@pytest.mark.parametrize(
    "path",
    ["/waveform", "/waveform?format=npy", "/waveform?stage=window", "/waveform?stage=window&format=npy", "/plot.svg"],
)
def test_a_signal_is_sent_once_and_confirmed_after_that(client: httpx.Client, ecg: str, path: str) -> None:
    first = client.get(ecg + path)
    assert first.status_code == 200 and first.headers["cache-control"] == "private, no-cache"
    assert "Authorization" in first.headers["vary"]
    etag = first.headers["etag"]
    for given in (etag, f'"other", {etag}', "*"):
        known = client.get(ecg + path, headers={"If-None-Match": given})
        assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", etag)
    assert client.get(ecg + path, headers={"If-None-Match": '"other"'}).status_code == 200
    nobody = client.get(ecg + path, headers={"If-None-Match": etag, "Authorization": "Bearer ovr_nobody"})
    assert nobody.status_code == 401


def test_the_plots_etag_follows_what_is_drawn(client: httpx.Client, ecg: str) -> None:
    etags = {client.get(f"{ecg}/plot.svg", params=asked).headers["etag"] for asked in ({}, {"start_s": 1})}
    assert len(etags) == 2
    assert client.get(ecg).headers["cache-control"] == "no-store"


def test_streamed_signals_are_the_recording(client: httpx.Client, ecg: str) -> None:
    expected = next(iter(simulate(1, seed=4))).recording.millivolts()
    answer = client.get(f"{ecg}/waveform").json()
    assert np.array_equal(np.array(answer["samples"]), expected)
    raw = client.get(f"{ecg}/waveform?format=npy")
    assert int(raw.headers["content-length"]) == len(raw.content)
    assert np.array_equal(np.load(io.BytesIO(raw.content), allow_pickle=False), expected)
    windows = client.get(f"{ecg}/waveform?stage=window&format=npy").content
    as_text = client.get(f"{ecg}/waveform?stage=window").json()["samples"]
    loaded = np.load(io.BytesIO(windows), allow_pickle=False)
    assert loaded.dtype == np.float32 and np.array_equal(loaded, np.array(as_text, np.float32))


def test_json_is_compressed_for_who_takes_it_and_arrays_and_streams_are_not(client: httpx.Client, ecg: str) -> None:
    for encoding, compressed in (("gzip", True), ("identity", False)):
        asked = client.build_request("GET", f"{ecg}/waveform", headers={"Accept-Encoding": encoding})
        answer = client.send(asked, stream=True)
        content = b"".join(answer.iter_raw())
        assert (answer.headers.get("content-encoding") == "gzip") == compressed
        assert json.loads(gzip.decompress(content) if compressed else content)["unit"] == "mV"
    binary = client.get(f"{ecg}/waveform?format=npy", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in binary.headers
    url = client.post("/v1/datasets", json={"name": "a"}).headers["location"]
    client.post(f"{url}/cancel")
    assert "content-encoding" not in client.get(f"{url}/events", headers={"Accept-Encoding": "gzip"}).headers


@pytest.mark.parametrize(
    ("path", "prefer", "status"),
    [
        ("/v1/datasets", "respond-async", 202),
        ("/v1/datasets", "wait=5", 422),
        ("/v1/datasets", "handling=strict", 422),
        ("/v1/predictions", "wait=soon", 422),
        ("/v1/vocabularies", "respond-async", 422),
    ],
)
def test_a_preference_is_honoured_or_refused(client: httpx.Client, path: str, prefer: str, status: int) -> None:
    bodies: dict[str, Any] = {"/v1/datasets": {"name": "a"}, "/v1/predictions": {"ecg_id": str(uuid.uuid4())}}
    answer = client.post(path, json=bodies.get(path, {"yaml": ""}), headers={"Prefer": prefer})
    assert answer.status_code == status, answer.text
    if status == 202:
        assert answer.headers["preference-applied"] == "respond-async"
    else:
        assert answer.json()["errors"][0]["field"] == "header.prefer"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/datasets", '{"name": "a", "seed": 1, "seed": 2}'),
        ("/v1/datasets", '{"name": "a", "fractions": {"train": 0.5, "train": 0.8}}'),
        ("/v1/predictions", '{"ecg_id": "e2388a9a-9c11-40f8-855e-5a95e89fbca7", "ecg_id": null}'),
    ],
)
def test_a_key_that_is_given_twice_is_refused(client: httpx.Client, path: str, body: str) -> None:
    answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [("body", "repeated")]


def test_a_key_that_is_given_twice_in_metadata_is_refused(client: httpx.Client) -> None:
    files = {"file": ("x.hea", b"x 12 500 5000")}
    answer = client.post("/v1/ecgs", files=files, data={"metadata": '{"age": 1, "age": 2}'})
    assert {"metadata"} <= {error["field"] for error in answer.json()["errors"]}


def test_pages_of_another_origin_may_ask_where_a_setting_names_it(settings: Settings, keys: dict[str, str]) -> None:
    origin = "https://ecg.example.org"
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "prefer"}
    with TestClient(create_app(settings)) as closed:
        assert "access-control-allow-origin" not in closed.options("/v1/predictions", headers=asked).headers
    with TestClient(create_app(settings.model_copy(update={"cors_origins": (origin,)}))) as opened:
        preflight = opened.options("/v1/predictions", headers=asked)
        assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (200, origin)
        refused = opened.get("/v1/me", headers={"Origin": origin})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, origin)
        other = opened.options("/v1/predictions", headers={**asked, "Origin": "https://other.example.org"})
        assert "access-control-allow-origin" not in other.headers
    with pytest.raises(ValueError, match="origins such as"):
        Settings(cors_origins="*")  # type: ignore[arg-type]


class Full(Exception):
    """What PostgreSQL says when its disk is full."""

    sqlstate = "53100"


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), OperationalError("INSERT", {}, Full())]
)
def test_a_full_disk_is_a_507(client: httpx.Client, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr(LocalStore, "put", full)
    simulated = next(iter(simulate(1, seed=4)))
    files = [("file", item) for item in write_wfdb(simulated.recording, "r").items()]
    answer = client.post("/v1/ecgs", files=files)
    assert (answer.status_code, answer.json()["type"]) == (507, "/problems/disk_full")
    assert client.get("/v1/ecgs").json()["items"] == []
