"""Processes of the private PostgreSQL, and the one that started it, are killed: no committed row is lost."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import OperationalError

from app.embedded.account import server_account
from app.embedded.binaries import find_binaries
from app.embedded.cluster import Cluster
from app.embedded.postgres import EmbeddedPostgres, FolderInUse
from app.embedded.server import Server
from app.embedded.socket_folder import make_socket_folder

pytestmark = [pytest.mark.faults]

ROOT = Path(__file__).resolve().parents[2]
PARENT = """
import sys, time
from pathlib import Path
from app.embedded.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
server.start()
print(server.pid, flush=True)
time.sleep(600)
"""


def execute(url: str, statement: str) -> None:
    with session(url) as connection:
        connection.execute(text(statement))


def rows(url: str) -> int:
    with session(url) as connection:
        return int(connection.execute(text("SELECT count(*) FROM kept")).scalar_one())


@contextmanager
def session(url: str) -> Iterator[Connection]:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def eventually(claim: Callable[[], bool], patience_s: float = 40) -> bool:
    deadline = time.monotonic() + patience_s
    while not claim():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def parent_of_a_server(folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", PARENT, folder], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def kill(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_a_killed_server_comes_back_by_itself_with_every_committed_row(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres")
    with server as url:
        execute(url, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
        first = server.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)

        def back() -> bool:
            try:
                return server.pid not in {None, first} and rows(url) == 1000
            except OperationalError:
                return False

        assert eventually(back)
    assert not server.is_running


def test_a_killed_server_may_be_stopped_and_started_at_once(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres")
    url = server.start()
    execute(url, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    server.stop()
    with server as url:
        assert rows(url) == 1000


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the parent-death signal is Linux's")
def test_the_server_ends_with_a_killed_parent_and_its_rows_are_there(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    parent = parent_of_a_server(folder)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    with pytest.raises(FolderInUse, match=f"process {parent.pid}"):
        EmbeddedPostgres(folder).start()
    assert lives(pid)
    kill(parent)
    assert eventually(lambda: not lives(pid))
    with EmbeddedPostgres(folder, durable=False) as url:
        execute(url, "CREATE TABLE kept AS SELECT 1 AS n")
        assert rows(url) == 1


def test_a_start_right_after_the_parents_death_needs_no_patience_of_the_caller(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    parent = parent_of_a_server(folder)
    assert parent.stdout is not None
    parent.stdout.readline()
    kill(parent)
    with EmbeddedPostgres(folder, durable=False) as url:
        execute(url, "CREATE TABLE kept AS SELECT 1 AS n")


@pytest.mark.parametrize("after_s", [0.3, 0.5, 0.7, 0.9])
def test_a_first_start_killed_at_any_moment_does_no_harm(tmp_path: Path, after_s: float) -> None:
    folder = tmp_path / "postgres"
    parent = parent_of_a_server(folder)
    time.sleep(after_s)
    kill(parent)
    with EmbeddedPostgres(folder, durable=False) as url:
        execute(url, "CREATE TABLE kept AS SELECT 1 AS n")
    with EmbeddedPostgres(folder, durable=False) as url:
        assert rows(url) == 1
    assert [path.name for path in folder.glob("cluster*")] == ["cluster"]


def test_the_server_outlives_the_thread_that_asked_for_it(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    starter = Thread(target=server.start)
    starter.start()
    starter.join()
    first = server.pid
    time.sleep(0.3)  # the kernel would have told it by now
    assert server.is_running
    assert server.pid == first
    server.stop()


def test_a_server_without_supervisor_is_stopped_before_ours_starts(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    with EmbeddedPostgres(folder, durable=False) as url:
        execute(url, "CREATE TABLE kept AS SELECT generate_series(1, 10) AS n")
    account = server_account(folder, folder / "cluster")
    with Cluster(folder / "cluster", account) as cluster:
        sockets = make_socket_folder(tmp_path / ("other" * 30), account)
        alone = Server(find_binaries(cluster.major), cluster, sockets, logging.NullHandler(), durable=False)
        alone.start()
        with EmbeddedPostgres(folder, durable=False) as url:
            assert not alone.is_running
            assert rows(url) == 10
        alone.wait()
        sockets.rmdir()


def test_a_process_id_given_to_another_process_does_not_bar_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    with EmbeddedPostgres(folder, durable=False):
        running = (folder / "cluster" / "postmaster.pid").read_text().splitlines()
    account = server_account(folder, folder / "cluster")
    other = subprocess.Popen(["sleep", "600"], user=account.uid, cwd="/")
    try:
        with Cluster(folder / "cluster", account) as cluster:
            cluster.write("postmaster.pid", "\n".join([str(other.pid), *running[1:], ""]))
        with EmbeddedPostgres(folder, durable=False) as url:
            execute(url, "SELECT 1")
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
