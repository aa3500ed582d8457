"""Whether an account can reach a path, by the bits alone."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.embedded.account import Account

OTHER = 54_321
modes = st.integers(0, 0o777)


@given(folder=modes, file=modes)
def test_a_stranger_needs_others_bits_all_the_way(
    tmp_path_factory: pytest.TempPathFactory, folder: int, file: int
) -> None:
    # The folders above a test's own are closed: judge by the two we made, under a stand-in for the root.
    base = tmp_path_factory.mktemp("reach")
    path = base / "file"
    path.touch()
    path.chmod(file)
    base.chmod(folder)
    stranger = Account(OTHER, OTHER, "stranger")
    reachable = all(p.stat().st_mode & 0o001 for p in path.parents) and bool(file & 0o004)
    assert stranger.can_reach(path) == reachable
    base.chmod(0o700)


def test_the_system_is_within_a_strangers_reach() -> None:
    assert Account(OTHER, OTHER, "stranger").can_reach(Path("/etc/passwd"))


def test_the_owners_bits_count_for_the_owner(tmp_path: Path) -> None:
    status = tmp_path.stat()
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(tmp_path, OTHER, status.st_gid)
    tmp_path.chmod(0o007)
    assert not Account(OTHER, OTHER, "owner").can_reach(tmp_path)


def test_our_own_account_reaches_what_it_reaches(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert Account(os.geteuid(), os.getegid(), "self").can_reach(tmp_path)
