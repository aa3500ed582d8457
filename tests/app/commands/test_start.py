"""How a command starts: its settings, its folder, its port; and what it says when it cannot."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.embedded.serve import CannotServe, listen, make_data_folder
from app.settings import Settings, SettingsError, load_settings

RUN = CliRunner()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    """No setting but a data folder that is not there."""
    for name in list(os.environ):
        if name.startswith("OVERREAD_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OVERREAD_DATA_DIR", str(tmp_path / "data"))
    yield monkeypatch


def overread(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "app.cli", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=60)


def test_the_version_is_told() -> None:
    answered = RUN.invoke(cli, ["--version"])
    assert answered.exit_code == 0 and answered.stdout.startswith("overread ")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("OVERREAD_DATABSE_URL", "OVERREAD_DATABASE_URL is"),
        ("OVERREAD_DATA_FOLDER", "OVERREAD_DATA_DIR is"),
        ("overread_lease", "OVERREAD_LEASE_S is"),
        ("OVERREAD_XYZZY", "unset it"),
    ],
)
def test_a_misspelt_setting_is_refused_by_name(environment: pytest.MonkeyPatch, name: str, meant: str) -> None:
    environment.setenv(name, "x")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert str(refused.value) == f"{name} is no setting: {meant}"


def test_a_file_of_settings_is_read_only_where_it_is_named(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("OVERREAD_LEASE_S=7\nPOSTGRES_PASSWORD=x\n")
    environment.chdir(tmp_path)
    assert load_settings().lease_s == Settings.model_fields["lease_s"].default
    environment.setenv("OVERREAD_ENV_FILE", ".env")
    assert load_settings().lease_s == 7
    assert os.environ["OVERREAD_ENV_FILE"] == str(file)  # a child works in another folder
    file.write_text("OVERREAD_LEESE_S=7\n")
    with pytest.raises(SettingsError, match="OVERREAD_LEESE_S is no setting: OVERREAD_LEASE_S is"):
        load_settings()
    file.unlink()
    with pytest.raises(SettingsError, match="No such file"):
        load_settings()


def test_a_mistake_in_a_setting_is_one_line_and_status_2(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv("OVERREAD_DATABSE_URL", "postgresql://x/y")
    ended = overread("user", "list", cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "overread: OVERREAD_DATABSE_URL is no setting: OVERREAD_DATABASE_URL is\n"


COMMANDS = [
    *(["user", "list"], ["user", "add", "x", "--role", "viewer"], ["user", "enable", "x"], ["key", "issue", "x"]),
    *(["disagreement"], ["import", "reports", "-"], ["simulate", "reports", "--pairs", "1000", "--table-a1"]),
    *(["migrate"], ["worker", "--queue", "cpu"]),
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_no_other_command_makes_a_service(
    environment: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str]
) -> None:
    ended = RUN.invoke(cli, arguments, input="")
    assert ended.exit_code == 2, ended.output
    assert "OVERREAD_DATABASE_URL" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_worker_without_the_services_folder_makes_none(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv("OVERREAD_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    ended = RUN.invoke(cli, ["worker", "--queue", "cpu"])
    assert ended.exit_code == 2 and "there is no data folder" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_port_in_use_is_said_before_anything_is_made(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = overread("serve", "--port", str(port), cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"overread: port {port} on 127.0.0.1 is in use: choose another with --port\n"
    assert list(tmp_path.iterdir()) == []


def test_an_address_that_is_not_this_machines_is_said() -> None:
    for host in ("192.0.2.1", "no.such.host.invalid"):
        with pytest.raises(CannotServe, match=host):
            listen(host, 0)


def test_port_0_is_any_free_port() -> None:
    with listen("127.0.0.1", 0) as taken:
        assert taken.getsockname()[1] > 0


def test_a_data_folder_is_closed_to_others(tmp_path: Path) -> None:
    made, opened = tmp_path / "a" / "b", tmp_path / "opened"
    opened.mkdir(mode=0o755)
    for folder in (made, opened):
        make_data_folder(folder)
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_is_a_sentence(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    environment.setenv("OVERREAD_DATA_DIR", str(tmp_path / "file" / "data"))
    ended = overread("serve", "--port", "0", cwd=tmp_path)
    assert ended.returncode == 1 and len(ended.stderr.splitlines()) == 1
    assert "Traceback" not in ended.stderr and str(tmp_path / "file") in ended.stderr


def test_a_full_disk_is_a_sentence(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`/dev/full` answers as a full disk does."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    command = [sys.executable, "-P", "-m", "app.cli", "--version"]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 1 and "No space left on device" in ended.stderr and "Traceback" not in ended.stderr


def test_a_database_that_does_not_answer_is_a_sentence(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv("OVERREAD_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    ended = overread("user", "list", cwd=tmp_path)
    assert ended.returncode == 1 and ended.stderr.startswith("overread: the database does not answer: ")
    assert len(ended.stderr.splitlines()) == 1


def test_what_a_command_writes_is_closed_to_others(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = "import sys; sys.argv = ['overread', '--version']\nfrom app.cli import main\n"
    script += "try: main()\nfinally: open('written', 'w')"
    subprocess.run([sys.executable, "-P", "-c", script], cwd=tmp_path, capture_output=True, check=True)
    assert (tmp_path / "written").stat().st_mode & 0o777 == 0o600


def test_ending_the_demo_ends_its_service(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    command = [sys.executable, "-P", "-m", "app.cli", "demo", "--port", "0"]
    demo = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not (service := children(demo.pid)) and time.monotonic() < deadline and demo.poll() is None:
            time.sleep(0.05)
        assert service
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(60) == 143
        assert not any(is_alive(pid) for pid in service)
    finally:
        demo.kill()
        demo.wait()


def children(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in listed.stdout.split() if is_alive(int(word))]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
