"""The object store: the same for a folder, for memory and for a real S3 API; and what happens when it is away."""

import hashlib
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.kit import remote_store
from app.kit.children import secretless_environment
from app.kit.remote_store import PIECE, RemoteStore
from app.kit.store import LocalStore, MissingObject, ObjectStore, StoreUnavailable, open_store
from app.settings import Settings
from tests.app.s3_server import BUCKET, environment


def key_of(content: bytes) -> str:
    return f"waveforms/{hashlib.sha256(content).hexdigest()}"


@pytest.fixture(params=["folder", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "folder":
        return LocalStore(tmp_path / "objects")
    if request.param == "memory":
        return RemoteStore("memory:///")
    return RemoteStore(request.getfixturevalue("bucket"))


CONTENTS = (b"", b"one", os.urandom(1000), os.urandom(2 * PIECE + 1))


def test_what_is_put_is_got_and_listed_until_it_is_deleted(store: ObjectStore) -> None:
    assert list(store.keys("waveforms")) == []
    for content in CONTENTS:
        store.put(key_of(content), content)
        store.put(key_of(content), content)  # again: no harm
        assert store.get(key_of(content)) == content
    assert sorted(store.keys("waveforms")) == sorted(map(key_of, CONTENTS))
    assert list(store.keys("other")) == []
    gone, *left = map(key_of, CONTENTS)
    store.delete(gone)
    store.delete(gone)
    with pytest.raises(MissingObject, match="the stored waveform is missing"):
        store.get(gone)
    assert sorted(store.keys("waveforms")) == sorted(left)


def test_many_are_put_at_once_and_the_same_one_by_many(store: ObjectStore) -> None:
    contents = {key_of(content): content for content in (os.urandom(100) for _ in range(50))}
    store.put_all(contents)
    store.put_all({})
    assert {key: store.get(key) for key in store.keys("waveforms")} == contents
    [(key, content), *_] = contents.items()
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(store.put, key, content) for _ in range(32)]:
            done.result()
    assert store.get(key) == content and len(list(store.keys("waveforms"))) == 50


@pytest.mark.parametrize("key", ["", "waveforms", "waveforms/../../etc/passwd", "/etc/passwd", "Waveforms/" + "0" * 64])
def test_what_is_no_key_is_refused(store: ObjectStore, key: str) -> None:
    for call in (
        store.get,
        store.delete,
        lambda given: store.put(given, b""),
        lambda given: store.put_all({given: b""}),
    ):
        with pytest.raises(ValueError, match="not an object key"):
            call(key)


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A host that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(50)
        for name, value in environment(f"http://127.0.0.1:{listening.getsockname()[1]}").items():
            monkeypatch.setenv(name, value)
        yield f"s3://{BUCKET}"


def test_a_store_that_does_not_answer_is_given_up_in_time(
    silent: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(remote_store, "ANSWER_S", 1)
    monkeypatch.setattr(remote_store, "_RETRIES", {"max_retries": 2, "retry_timeout": timedelta(seconds=1)})
    store = RemoteStore(silent)
    for call in (lambda: store.get(key_of(b"")), lambda: store.put(key_of(b""), b""), lambda: list(store.keys("a"))):
        began = time.monotonic()
        with pytest.raises(StoreUnavailable) as raised:
            call()
        assert time.monotonic() - began < 6
        assert str(raised.value) == "the object store does not answer"
        assert raised.value.__cause__ is None
    said = "".join(capfd.readouterr())
    assert "store_unavailable" in said and "planted-secret" not in said and "127.0.0.1" not in said


def test_a_store_that_is_not_there_is_unavailable_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment("http://127.0.0.1:9").items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StoreUnavailable):
        RemoteStore(f"s3://{BUCKET}").get(key_of(b""))


def test_writing_to_a_bucket_that_is_not_there_is_no_missing_object(bucket: str) -> None:
    with pytest.raises(StoreUnavailable):
        RemoteStore("s3://no-such-bucket/folder").put(key_of(b""), b"")


def test_children_get_no_credentials(bucket: str) -> None:
    assert not any(name.startswith(("AWS_", "OVERREAD_")) for name in secretless_environment())


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://host/folder", "must start with"),
        ("/srv/overread", "must start with"),
        ("memory:///", "must start with"),
        ("file://srv/overread", "absolute folder"),
        ("s3:///folder", "name a bucket"),
        ("s3://key:secret@bucket/folder", "no credentials"),
        ("az://account/container?sig=secret", "no credentials"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused(url: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why) as refused:
        Settings(objects_url=url, _env_file=None)
    assert [error["loc"] for error in refused.value.errors()] == [("objects_url",)]


def test_a_file_url_is_a_folder(tmp_path: Path) -> None:
    settings = Settings(objects_url=f"file://{tmp_path}/with%20blank", data_dir=tmp_path / "data", _env_file=None)
    store = open_store(settings)
    store.put(key_of(b"x"), b"x")
    digest = hashlib.sha256(b"x").hexdigest()
    assert (tmp_path / "with blank/waveforms" / digest[:2] / digest).read_bytes() == b"x"
    assert settings.datasets_dir == tmp_path / "with blank/datasets"
    assert open_store(Settings(objects_url="", data_dir=tmp_path, _env_file=None)).__dict__ == {
        "_root": tmp_path / "objects"
    }
