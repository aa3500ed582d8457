"""Which PostgreSQL is taken, and how an account gets at programs that are closed to it."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from app.embedded.account import account_of
from app.embedded.binaries import WHEEL, Binaries, find_binaries, reachable_by
from app.embedded.errors import NoPostgres


def test_the_wheels_newest_comes_first() -> None:
    assert find_binaries().from_wheel
    assert find_binaries().major == 18


def test_a_version_out_of_range_is_not_taken() -> None:
    with pytest.raises(NoPostgres, match="version 9"):
        find_binaries(9)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lends PostgreSQL another account")
def test_programs_closed_to_the_account_are_copied_and_run(tmp_path: Path) -> None:
    nobody = account_of(pwd.getpwnam("nobody").pw_uid)
    original = find_binaries(source="wheel")
    package = original.folder.parents[1]
    closed = tmp_path / WHEEL
    closed.mkdir(mode=0o700)
    shutil.copytree(original.folder.parent, closed / original.folder.parent.name, symlinks=True)
    shutil.copytree(package.with_name(f"{WHEEL}.libs"), tmp_path / f"{WHEEL}.libs")
    binaries = Binaries(closed / original.folder.relative_to(package), original.major, from_wheel=True)
    assert not nobody.can_reach(binaries.postgres)

    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        copies = [reachable_by(nobody, binaries, Path(place)) for _ in range(2)]
        assert copies[0] == copies[1]
        assert len(list(Path(place).iterdir())) == 1
        for program in ("postgres", "initdb", "psql"):  # psql finds libpq by relative path
            run = subprocess.run(
                [copies[0].folder / program, "--version"], user=nobody.uid, group=nobody.gid,
                extra_groups=[], cwd="/", capture_output=True, text=True, check=True,
            )  # fmt: skip
            assert f" {original.major}." in run.stdout
    assert closed.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_copy_that_someone_else_put_there_is_not_run(tmp_path: Path) -> None:
    nobody = account_of(pwd.getpwnam("nobody").pw_uid)
    binaries = Binaries(tmp_path / WHEEL / "pginstall18/bin", 18, from_wheel=True)
    binaries.folder.mkdir(parents=True)
    binaries.postgres.touch()
    tmp_path.chmod(0o700)
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o777)
        own = reachable_by(nobody, binaries, Path(place)).folder.parents[2]
        os.chown(own, nobody.uid, nobody.gid)
        with pytest.raises(NoPostgres, match="another user's"):
            reachable_by(nobody, binaries, Path(place))
