"""A model trained on a cluster comes in as a bundle, answers predictions, and goes out the same, byte for byte."""

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.kit.database import Database
from app.kit.folders import Folders
from app.models.starter import ensure_starter
from app.settings import Settings
from ml.bundles.bundle import SEAL
from ml.starter import BUNDLE
from tests.app.inferring import inferring

Change = Callable[[dict[str, Any]], None]


def tar(folder: Path) -> bytes:
    """`tar -C FOLDER -cf - .`, as a user makes it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.add(folder, arcname=".")
    return stream.getvalue()


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[Change], bytes]:
    """A bundle like the starter's with another manifest, sealed again: what anybody can make."""

    def make(change: Change) -> bytes:
        folder = tmp_path / "changed"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(BUNDLE, folder)
        manifest = json.loads((folder / "bundle.json").read_bytes())
        change(manifest)
        text = json.dumps(manifest).encode()
        (folder / "bundle.json").write_bytes(text)
        (folder / SEAL).write_bytes(f"{hashlib.sha256(text).hexdigest()}  bundle.json\n".encode())
        return tar(folder)

    return make


def send(client: httpx.Client, content: bytes, **form: str) -> httpx.Response:
    return client.post("/v1/models", files={"bundle": ("model.tar", content)}, data=form)


def test_a_bundle_comes_in_once_and_goes_out_the_same(
    client: httpx.Client, settings: Settings, keys: dict[str, str]
) -> None:
    first = send(client, tar(BUNDLE), name="from the cluster")
    assert first.status_code == 201, first.text
    model = first.json()
    assert first.headers["location"] == f"/v1/models/{model['id']}"
    assert (model["name"], model["origin"], model["job_id"]) == ("from the cluster", "uploaded", None)
    assert (model["promoted"], model["metrics"]["overread"]["macro_labels"]) == (False, 8)
    again = send(client, tar(BUNDLE))
    assert (again.status_code, again.json()) == (200, model)
    assert [entry["action"] for entry in client.get("/v1/audit").json()["items"] if entry["resource"] == "model"] == [
        "create"
    ]

    researcher = {"Authorization": f"Bearer {keys['researcher']}"}
    out = client.get(f"/v1/models/{model['id']}/bundle", headers=researcher)
    assert (out.status_code, out.headers["content-type"]) == (200, "application/x-tar")
    assert int(out.headers["content-length"]) == len(out.content)
    assert send(client, out.content).status_code == 200
    assert client.get(f"/v1/models/{model['id']}/bundle").content == out.content
    assert client.get(f"/v1/models/{model['id']}/card", headers={"Accept": "text/markdown"}).status_code == 200
    with inferring(settings):
        assert client.post(f"/v1/models/{model['id']}/promote").json()["promoted"] is True
    assert [path.name for path in settings.models_dir.iterdir()] == [model["id"]]


def test_an_uploaded_model_is_not_asked_before_it_is_promoted(
    client: httpx.Client, settings: Settings, database: Database
) -> None:
    """Only what came with the release answers where nothing is promoted."""
    send(client, tar(BUNDLE))
    assert client.post("/v1/predictions", json={"ecg_id": "5b2c1b0e-0000-4000-8000-000000000000"}).status_code == 404
    from app.models import queries

    with database.begin() as session:
        assert queries.shipped(session) is None
    ensure_starter(database, Folders(settings.data_dir))
    with database.begin() as session:
        assert queries.shipped(session) is not None


def test_what_the_release_ships_is_known_when_it_is_sent(
    client: httpx.Client, settings: Settings, database: Database
) -> None:
    ensure_starter(database, Folders(settings.data_dir))
    answer = send(client, tar(BUNDLE))
    assert (answer.status_code, answer.json()["origin"]) == (200, "shipped")


def test_known_weights_with_another_manifest_are_a_conflict(
    client: httpx.Client, changed: Callable[[Change], bytes]
) -> None:
    assert send(client, tar(BUNDLE)).status_code == 201
    answer = send(client, changed(lambda manifest: manifest["labels"][0].update(threshold=0.123)))
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/weights_known")


def _relabel(manifest: dict[str, Any]) -> None:
    manifest["labels"][0]["key"] = "brugada"


REFUSED: list[tuple[Change, str]] = [
    (_relabel, "does not know its labels brugada"),
    (lambda manifest: manifest["preprocessing"].update(notch_hz=[1, 2, "x"]), "preprocessing"),
    (lambda manifest: manifest["preprocessing"].update(new_step=1), "preprocessing"),
    (lambda manifest: manifest.update(leads=list(reversed(manifest.get("leads", ["I", "II"])))), "leads"),
    (lambda manifest: manifest.update(format=2), "format"),
    (lambda manifest: manifest.update(paradigm="telepathy"), "paradigm: is not one that this service knows"),
    (lambda manifest: manifest.update(preset="x" * 300), "preset"),
    (lambda manifest: manifest.update(preset="huge"), "no network is called huge"),
    (lambda manifest: manifest["training"].pop("label_source"), "label_source"),
    (lambda manifest: manifest.update(attribution="a\x00b"), "NUL"),
    (lambda manifest: manifest["preprocessing"].update(window_s=5.0), "do not have 2500 samples"),
    (lambda manifest: manifest.update(architecture="resnet1d", encoder={"blocks": [1], "width": 8}), "do not fit"),
    (lambda manifest: manifest.update(architecture="own", own_encoder="os:system"), "runs no code"),
    (lambda manifest: manifest.update(files={"../x.md": "0" * 64}), "files"),
]


@pytest.mark.parametrize(("change", "why"), REFUSED, ids=[why for _, why in REFUSED])
def test_what_the_service_cannot_serve_is_refused_and_leaves_nothing(
    client: httpx.Client, settings: Settings, changed: Callable[[Change], bytes], change: Change, why: str
) -> None:
    answer = send(client, changed(change))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "bundle"), answer.text
    assert why in answer.text
    assert str(settings.data_dir) not in answer.text
    assert list(settings.models_dir.iterdir()) == []
    assert client.get("/v1/models").json()["items"] == []


def test_what_is_no_archive_is_refused(client: httpx.Client) -> None:
    for content in (b"", b"hello", bytes(100_000), tar(BUNDLE)[:100_000]):
        answer = send(client, content)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "bundle"), answer.text


def test_only_admins_send_and_researchers_fetch(client: httpx.Client, keys: dict[str, str]) -> None:
    model = send(client, tar(BUNDLE)).json()["id"]
    for role, may_send, may_fetch in (("viewer", 403, 403), ("reader", 403, 403), ("researcher", 403, 200)):
        client.headers["Authorization"] = f"Bearer {keys[role]}"
        assert send(client, tar(BUNDLE)).status_code == may_send
        assert client.get(f"/v1/models/{model}/bundle").status_code == may_fetch


def test_a_bundle_whose_files_have_changed_does_not_go_out(client: httpx.Client, settings: Settings) -> None:
    model = send(client, tar(BUNDLE)).json()["id"]
    (settings.models_dir / model / "bundle.json").write_text("{}")
    answer = client.get(f"/v1/models/{model}/bundle")
    assert (answer.status_code, answer.json()["type"]) == (410, "/problems/bundle_damaged")
    assert client.get("/v1/models/5b2c1b0e-0000-4000-8000-000000000000/bundle").status_code == 404
