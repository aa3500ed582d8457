"""Folders at an object store: whole or not there, checked, cached within bounds, and safe with several processes."""

import os
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest

from app.kit.remote_folders import BEING_FETCHED, FILES, RemoteFolders
from app.kit.remote_store import RemoteStore
from app.kit.store import DamagedObject, MissingObject, StoreUnavailable

ROOMY = 10**9


@pytest.fixture
def store() -> RemoteStore:
    return RemoteStore("memory:///")


def machine(folder: Path, store: RemoteStore, cache_bytes: int = ROOMY) -> RemoteFolders:
    return RemoteFolders(folder, store, folder / "cache", cache_bytes)


def make(folders: RemoteFolders, size: int = 1000) -> uuid.UUID:
    """Make and keep a model of two files."""
    folder_id = uuid.uuid4()
    made = folders.place("models", folder_id)
    (made / "plots").mkdir(parents=True)
    (made / "weights.bin").write_bytes(os.urandom(size))
    (made / "plots/roc.svg").write_bytes(b"<svg/>")
    folders.keep("models", folder_id)
    return folder_id


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def cached(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("cache/*/*")}


def test_what_one_machine_keeps_another_opens(tmp_path: Path, store: RemoteStore) -> None:
    here, there = machine(tmp_path / "here", store), machine(tmp_path / "there", store)
    folder_id = make(here)
    assert not here.place("models", folder_id).exists()  # it has moved into the cache
    with here.opened("models", folder_id) as ours, there.opened("models", folder_id) as theirs:
        assert ours != theirs and content(ours) == content(theirs) and len(content(ours)) == 2


def test_of_a_run_the_named_files_are_kept_and_it_stays(tmp_path: Path, store: RemoteStore) -> None:
    here, there = machine(tmp_path / "here", store), machine(tmp_path / "there", store)
    run = uuid.uuid4()
    made = here.place("runs", run)
    (made / "tables").mkdir(parents=True)
    for name in ("study.json", "tables/a1.csv", "checkpoint.pt"):
        (made / name).write_text(name)
    here.keep("runs", run, names=["study.json", "tables/a1.csv"])
    assert (made / "checkpoint.pt").exists()
    with there.opened("runs", run) as theirs:
        assert content(theirs) == {"study.json": b"study.json", "tables/a1.csv": b"tables/a1.csv"}


def test_a_folder_that_is_kept_in_part_is_not_there(
    tmp_path: Path, store: RemoteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = machine(tmp_path / "here", store), machine(tmp_path / "there", store)
    monkeypatch.setattr(store, "write", lambda *_: (_ for _ in ()).throw(StoreUnavailable("away")))
    folder_id = uuid.uuid4()
    made = here.place("models", folder_id)
    made.mkdir(parents=True)
    (made / "a.bin").write_bytes(b"a")
    with pytest.raises(StoreUnavailable):
        here.keep("models", folder_id)
    assert list(store.names(f"models/{folder_id}"))  # a file of it is there
    for folders in (here, there):
        with pytest.raises(MissingObject), folders.opened("models", folder_id):
            pass
    monkeypatch.undo()
    here.keep("models", folder_id)  # again, as a job does
    with there.opened("models", folder_id) as theirs:
        assert content(theirs) == {"a.bin": b"a"}


def test_a_later_attempt_replaces_the_copy_of_an_earlier_one(tmp_path: Path, store: RemoteStore) -> None:
    here = machine(tmp_path, store)
    folder_id = make(here)
    made = here.place("models", folder_id)
    made.mkdir(parents=True)
    (made / "other.bin").write_bytes(b"other")
    here.keep("models", folder_id)
    with here.opened("models", folder_id) as ours:
        assert content(ours) == {"other.bin": b"other"}


@pytest.mark.parametrize("name", ["weights.bin", FILES])
def test_what_has_changed_at_the_store_is_refused_and_not_cached(tmp_path: Path, store: RemoteStore, name: str) -> None:
    folder_id = make(machine(tmp_path / "here", store))
    there = machine(tmp_path / "there", store)
    before = store.read(f"models/{folder_id}/{name}")
    store.write(f"models/{folder_id}/{name}", b"{" + before[1:-1] + b"!")
    with pytest.raises(DamagedObject), there.opened("models", folder_id):
        pass
    store.write(f"models/{folder_id}/{name}", before)
    assert cached(tmp_path / "there") == set()
    with there.opened("models", folder_id):
        pass


def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path, store: RemoteStore) -> None:
    folder_id = make(machine(tmp_path / "here", store))
    key = f"models/{folder_id}/{FILES}"
    store.write(key, store.read(key).replace(b"plots/roc.svg", b"../../roc.svg"))
    with pytest.raises(DamagedObject), machine(tmp_path / "there", store).opened("models", folder_id):
        pass
    assert not list(tmp_path.glob("there/**/roc.svg"))


def test_many_that_open_it_at_once_have_it_whole(tmp_path: Path, store: RemoteStore) -> None:
    folder_id = make(machine(tmp_path / "here", store), size=3_000_000)
    found = []

    def open_it() -> None:
        with machine(tmp_path / "there", store).opened("models", folder_id) as folder:
            found.append({name: len(bytes_) for name, bytes_ in content(folder).items()})

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [{"weights.bin": 3_000_000, "plots/roc.svg": 6}] * 8
    assert cached(tmp_path / "there") == {str(folder_id)}


def test_the_least_recently_used_go_first_and_what_is_held_stays(tmp_path: Path, store: RemoteStore) -> None:
    here = machine(tmp_path / "here", store)
    first, second, third, fourth = (make(here, 1000) for _ in range(4))
    there = machine(tmp_path / "there", store, cache_bytes=2500)
    for folder_id in (first, second):
        with there.opened("models", folder_id):
            time.sleep(0.02)
    with there.opened("models", first):
        time.sleep(0.02)
    with there.opened("models", third):
        assert cached(tmp_path / "there") == {str(first), str(third)}  # the second was used longest ago
        with there.opened("models", fourth) as folder:
            assert cached(tmp_path / "there") == {str(third), str(fourth)}
            with there.opened("models", first):  # nobody's place is free: more is kept than fits
                assert len(content(folder)) == 2
                assert cached(tmp_path / "there") == {str(first), str(third), str(fourth)}


HOLD = """
import fcntl, os, sys
lock = os.open(sys.argv[1], os.O_RDONLY)
fcntl.flock(lock, fcntl.LOCK_SH)
print("held", flush=True)
sys.stdin.read()
"""


def test_another_process_holds_a_folder_until_it_is_killed(tmp_path: Path, store: RemoteStore) -> None:
    folders = machine(tmp_path, store, cache_bytes=1500)
    held, other = make(folders), make(folders)
    path = tmp_path / "cache/models" / str(held)
    with folders.opened("models", held):
        pass
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None and process.stdin is not None
        assert process.stdout.readline() == b"held\n"
        with folders.opened("models", other):
            pass
        assert path.exists()
    finally:
        process.kill()
        process.communicate()
    with folders.opened("models", make(folders)):
        pass
    folders._make_room(1000)
    assert not path.exists()


def test_what_a_killed_download_left_is_swept(tmp_path: Path, store: RemoteStore) -> None:
    folders = machine(tmp_path / "there", store)
    folder_id = make(machine(tmp_path / "here", store))
    left, begun = (tmp_path / "there/cache/models" / f"{BEING_FETCHED}{name}" for name in ("left", "begun"))
    for path in (left, begun):
        path.mkdir(parents=True)
        (path / "half.bin").write_bytes(b"half")
    os.utime(left, (0, 0))
    with folders.opened("models", folder_id):
        assert cached(tmp_path / "there") == {str(folder_id), begun.name}
