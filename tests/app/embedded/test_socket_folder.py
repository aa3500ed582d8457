"""Where the socket goes, and what may be there already."""

import os
import stat
from pathlib import Path

import pytest

from app.embedded.account import Account
from app.embedded.errors import EmbeddedPostgresError
from app.embedded.socket_folder import make_socket_folder

SELF = Account(os.geteuid(), os.getegid(), "self")


def test_a_short_folder_holds_its_own_socket(tmp_path: Path) -> None:
    sockets = make_socket_folder(tmp_path, SELF)
    assert sockets == tmp_path / "socket"
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700


def test_an_open_folder_is_closed_and_what_a_killed_server_left_removed(tmp_path: Path) -> None:
    (tmp_path / "socket").mkdir(mode=0o755)
    left = [tmp_path / "socket" / name for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock")]
    for path in left:
        path.touch()
    sockets = make_socket_folder(tmp_path, SELF)
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert not any(path.exists() for path in left)


def test_the_same_long_folder_gets_the_same_place_another_one_another(tmp_path: Path) -> None:
    places = [make_socket_folder(tmp_path / (letter * 120), SELF) for letter in "aab"]
    for place in set(places):
        place.rmdir()
    assert places[0] == places[1] != places[2]


def test_a_link_in_the_temporary_folder_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("a" * 120)
    place = make_socket_folder(long, SELF)
    place.rmdir()
    (tmp_path / "elsewhere").mkdir()
    place.symlink_to(tmp_path / "elsewhere")
    try:
        with pytest.raises(OSError, match=place.name):
            make_socket_folder(long, SELF)
    finally:
        place.unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_place_that_is_someone_elses_is_refused(tmp_path: Path) -> None:
    (tmp_path / "socket").mkdir()
    os.chown(tmp_path / "socket", 54_321, 54_321)
    with pytest.raises(EmbeddedPostgresError, match="54321"):
        make_socket_folder(tmp_path, SELF)
