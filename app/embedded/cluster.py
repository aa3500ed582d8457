"""The cluster: PostgreSQL's own folder, made once by initdb, owned by the server's account and closed to others."""

import logging
import os
import shutil
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Self

from app.embedded.account import Account, account_of
from app.embedded.binaries import Binaries
from app.embedded.child import Child
from app.embedded.errors import EmbeddedPostgresError

SUPERUSER = "postgres"
ROLE = "overread"
DATABASE = "overread"

BUILTIN_LOCALE_SINCE = 17
INITDB_TIMEOUT_S = 120


class Cluster:
    """A cluster's folder and an open descriptor of it.

    As root the folders above may be closed to the server's account (`/root` is). They stay closed: the server is
    then given the folder as an inherited descriptor, `/proc/self/fd/N`, for which nothing above is entered.
    """

    def __init__(self, folder: Path, account: Account) -> None:
        owner = folder.lstat().st_uid
        if owner != account.uid:
            raise EmbeddedPostgresError(f"{folder} belongs to user id {owner}: start Overread as that user or as root")
        self.folder = folder
        self.account = account
        self.descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)

    @property
    def path(self) -> Path:
        """The folder as the server's account can open it."""
        if self.account.can_reach(self.folder):
            return self.folder
        if not sys.platform.startswith("linux"):
            raise EmbeddedPostgresError(
                f"user {self.account.name}, who runs PostgreSQL for root, may not enter {self.folder}: "
                "choose another OVERREAD_DATA_DIR or do not run as root"
            )
        return Path(f"/proc/self/fd/{self.descriptor}")

    @property
    def major(self) -> int:
        """Major version of the server that made it."""
        return int(self.read("PG_VERSION"))

    def read(self, name: str) -> str:
        """Read a small file of the folder."""
        with os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self.descriptor)) as file:
            return file.read(4096)

    def write(self, name: str, text: str) -> None:
        """Replace a small file of the folder.

        Created anew, never opened: as root we write where another account may have put a link.
        """
        temporary = f"{name}.new"
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=self.descriptor)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(temporary, flags, 0o600, dir_fd=self.descriptor), "w") as file:
            if self.account.lent:
                os.fchown(file.fileno(), self.account.uid, self.account.gid)
            file.write(text)
        os.replace(temporary, name, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def admit_only_us(self) -> None:
        """Let only this process's account in, by what the kernel says of the socket's other end."""
        caller = account_of(os.geteuid()).name
        self.write("pg_hba.conf", "local all all peer map=overread\n")
        self.write("pg_ident.conf", "".join(f'overread "{caller}" {role}\n' for role in (SUPERUSER, ROLE)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)


def make_cluster(folder: Path, account: Account, binaries: Binaries, log: logging.Handler, *, durable: bool) -> None:
    """Run initdb beside `folder` and rename: a start that is killed leaves no half-made cluster.

    UTF-8 with data checksums. Text sorts by code point in every version; from 17 on the built-in provider also
    knows upper and lower case beyond ASCII.
    """
    staging = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f"{folder.name}.new."))
    if account.lent:
        os.chown(staging, account.uid, account.gid, follow_symlinks=False)
    with Cluster(staging, account) as cluster:
        command: list[str | Path] = [binaries.initdb, "--pgdata", cluster.path]
        command += ["--username", SUPERUSER, "--encoding=UTF8", "--locale=C", "--data-checksums"]
        command += ["--auth-local=peer", "--auth-host=reject"]
        if binaries.major >= BUILTIN_LOCALE_SINCE:
            command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if not durable:
            command.append("--no-sync")
        _run(Child(command, account, log, keep_open=(cluster.descriptor,)))
    staging.rename(folder)
    _sync(folder.parent)


def clear_half_made(folder: Path) -> None:
    """Remove what first starts that were killed left beside `folder`.

    Done at every start: an initdb that has just lost its parent may still be writing, and the rest is for the next.
    """
    for half_made in folder.parent.glob(f"{folder.name}.new.*"):
        shutil.rmtree(half_made, ignore_errors=True)


def _run(initdb: Child) -> None:
    try:
        status = initdb.wait(INITDB_TIMEOUT_S)
    finally:
        initdb.send(signal.SIGKILL)
    if status != 0:
        raise EmbeddedPostgresError(f"initdb ended with status {status}:\n{initdb.last_words}")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
