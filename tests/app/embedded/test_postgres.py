"""The private PostgreSQL as its user meets it: kept, closed to others, and one a folder."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, create_engine, make_url, text

from app.embedded.account import account_of, server_account
from app.embedded.binaries import find_binaries
from app.embedded.postgres import EmbeddedPostgres, FolderInUse, NoPostgres, running_url

ROOT = Path(__file__).resolve().parents[3]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root lends PostgreSQL another account")


@contextmanager
def connection(url: str) -> Iterator[Connection]:
    engine = create_engine(url)
    try:
        with engine.begin() as session:
            yield session
    finally:
        engine.dispose()


def scalar(url: str, statement: str) -> object:
    with connection(url) as session:
        return session.execute(text(statement)).scalar()


def sockets(url: str) -> Path:
    return Path(str(make_url(url).query["host"]))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("server") / "postgres", durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def url(server: EmbeddedPostgres) -> str:
    url = running_url(server.folder)
    assert url is not None
    return url


def test_what_was_committed_is_there_after_a_stop_and_a_start(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres")
    with server as url, connection(url) as session:
        session.execute(text("CREATE TABLE kept AS SELECT 'Vorhofflimmern' AS word"))
        assert session.execute(text("SHOW fsync")).scalar() == "on"
    assert not server.is_running
    assert running_url(server.folder) is None
    with server as url:
        assert scalar(url, "SELECT word FROM kept") == "Vorhofflimmern"
        assert server.is_running


def test_a_second_start_on_the_folder_is_refused_with_the_holder_named(server: EmbeddedPostgres) -> None:
    with pytest.raises(FolderInUse, match=f"process {os.getpid()}"):
        EmbeddedPostgres(server.folder).start()
    with pytest.raises(FolderInUse):
        server.start()
    assert server.is_running


def test_stop_may_be_called_twice_and_before_any_start(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    server.stop()
    server.start()
    server.stop()
    server.stop()


def test_text_is_utf8_sorted_by_code_point_with_checksums_in_utc(url: str) -> None:
    assert scalar(url, "SHOW server_encoding") == "UTF8"
    assert scalar(url, "SHOW data_checksums") == "on"
    assert scalar(url, "SHOW timezone") == "UTC"
    assert scalar(url, "SELECT string_agg(w, '' ORDER BY w) FROM unnest(ARRAY['b','a','Ä','B']) w") == "BabÄ"


def test_the_service_owns_its_database_but_is_no_superuser(url: str) -> None:
    assert scalar(url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
    with connection(url) as session:
        session.execute(text("CREATE SCHEMA own"))
    with pytest.raises(Exception, match="permission denied"):
        scalar(url, "SELECT pg_read_file('/etc/hostname')")


def test_nothing_listens_on_a_network(url: str) -> None:
    assert scalar(url, "SHOW listen_addresses") == ""


def test_folders_and_socket_are_closed_to_others(server: EmbeddedPostgres, url: str) -> None:
    assert mode(server.folder) == 0o700
    assert mode(server.folder / "cluster") == 0o700
    assert mode(sockets(url)) == 0o700
    assert mode(sockets(url) / ".s.PGSQL.5432") == 0o700


def test_the_log_tells_of_errors_but_of_no_rows(server: EmbeddedPostgres, url: str) -> None:
    with connection(url) as session:
        session.execute(text("CREATE TABLE patients (name text PRIMARY KEY)"))
        session.execute(text("INSERT INTO patients VALUES ('Meier, Anna')"))
    with pytest.raises(Exception, match="patients_pkey"):
        scalar(url, "INSERT INTO patients VALUES ('Meier, Anna')")
    for _ in range(100):  # what the server says comes through a pipe
        log = (server.folder / "server.log").read_text()
        if "patients_pkey" in log:
            break
        time.sleep(0.1)
    assert "patients_pkey" in log
    assert "Meier" not in log


@as_root
def test_as_root_it_runs_under_another_account_and_admits_only_root(server: EmbeddedPostgres, url: str) -> None:
    assert server.pid is not None
    runs_as = Path(f"/proc/{server.pid}").stat().st_uid
    assert runs_as != 0
    assert Path(f"/proc/{server.pid}/status").read_text().split("Groups:")[1].split("\n")[0].strip() == ""
    binaries = find_binaries()
    command = [binaries.folder / "psql", "-h", sockets(url), "-U", "overread", "-c", "SELECT 1", "overread"]
    admitted = subprocess.run(command, capture_output=True, text=True, check=False)
    assert admitted.returncode == 0, admitted.stderr
    if not account_of(runs_as).can_reach(binaries.postgres):
        pytest.skip("the wheel's psql is out of the account's reach")
    refused = subprocess.run(
        command, user=runs_as, group=pwd.getpwuid(runs_as).pw_gid, extra_groups=[], cwd="/",
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Peer authentication failed" in refused.stderr


@as_root
def test_as_root_a_folder_that_only_root_may_enter_stays_so(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    folder = closed / "postgres"
    account = server_account(folder, folder / "cluster")
    assert account.lent
    assert not account.can_reach(closed)
    for _ in range(2):
        with EmbeddedPostgres(folder, durable=False) as url:
            assert scalar(url, "SELECT count(*) FROM pg_class") != 0
    assert mode(closed) == 0o700
    assert closed.stat().st_uid == 0


@as_root
def test_as_root_the_folder_owners_account_is_used(tmp_path: Path) -> None:
    owner = pwd.getpwnam("nobody")
    folder = tmp_path / "postgres"
    folder.mkdir()
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    with EmbeddedPostgres(folder, durable=False):
        assert (folder / "cluster").stat().st_uid == owner.pw_uid


@as_root
def test_an_ordinary_user_needs_no_root(tmp_path: Path) -> None:
    nobody = account_of(pwd.getpwnam("nobody").pw_uid)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    interpreters = [sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"]
    python = next((p for p in interpreters if Path(p).exists() and nobody.can_reach(Path(p))), None)
    packages = Path(psycopg.__file__).parents[1]
    if python is None or not nobody.can_reach(packages) or not nobody.can_reach(ROOT):
        pytest.skip("no interpreter of this version, or not our packages, within an ordinary user's reach")
    # Not below tmp_path, which is closed to everyone but root.
    home = Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip())
    os.chown(home, nobody.uid, nobody.gid)
    script = (
        "import sys; from pathlib import Path; from app.embedded.postgres import EmbeddedPostgres\n"
        "for _ in range(2):\n"
        "    with EmbeddedPostgres(Path(sys.argv[1]), durable=False) as url:\n"
        "        print(url)\n"
    )
    try:
        run = subprocess.run(
            [python, "-c", script, home / "postgres"], user=nobody.uid, group=nobody.gid, extra_groups=[],
            cwd="/", env={"PYTHONPATH": f"{ROOT}:{packages}", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr
        assert run.stdout.count("postgresql+psycopg://overread@") == 2
        assert (home / "postgres/cluster").stat().st_uid == nobody.uid
    finally:
        shutil.rmtree(home)


def test_a_path_too_long_for_a_socket_is_no_matter(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 20) / ("longer" * 20)
    with EmbeddedPostgres(folder, durable=False) as url:
        where = sockets(url)
        assert len(str(where / ".s.PGSQL.5432")) <= 107
        assert mode(where) == 0o700
        assert scalar(url, "SELECT 1") == 1
    assert not where.exists()


def test_what_a_killed_first_start_left_is_cleared(tmp_path: Path) -> None:
    half_made = tmp_path / "postgres" / "cluster.new.x"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(tmp_path / "postgres", durable=False) as url:
        assert scalar(url, "SELECT 1") == 1
    assert not half_made.exists()


def test_a_clusters_version_chooses_the_programs(tmp_path: Path) -> None:
    try:
        system = find_binaries(source="system")
    except NoPostgres as error:
        pytest.skip(str(error))
    folder = tmp_path / "postgres"
    with EmbeddedPostgres(folder, durable=False, source="system") as url:
        assert str(scalar(url, "SHOW server_version")).startswith(str(system.major))
    with EmbeddedPostgres(folder, durable=False) as url:
        assert str(scalar(url, "SHOW server_version")).startswith(str(system.major))


def test_a_cluster_of_a_version_that_is_not_installed_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    with EmbeddedPostgres(folder, durable=False):
        pass
    (folder / "cluster" / "PG_VERSION").write_text("14\n")
    with pytest.raises(NoPostgres, match="version 14"):
        EmbeddedPostgres(folder).start()
    (folder / "cluster" / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(folder, durable=False) as url:
        assert scalar(url, "SELECT 1") == 1
