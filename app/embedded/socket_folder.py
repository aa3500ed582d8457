"""The folder of the server's Unix socket: mode 0700, reachable for the server's account, with a short enough path."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from app.embedded.account import Account
from app.embedded.errors import EmbeddedPostgresError

PORT = 5432
"""Part of the socket's file name; nothing listens on a network."""
LONGEST_SOCKET_PATH = 107
"""Bytes of `sun_path` on Linux, less its closing zero (macOS: 103)."""
LONGEST_ANYWHERE = min(LONGEST_SOCKET_PATH, 103)


def make_socket_folder(folder: Path, account: Account) -> Path:
    """Make the socket's folder, or use it again, and return it: in `folder`, else in the temporary folder.

    Raises
    ------
    EmbeddedPostgresError
        Another user owns the place in the temporary folder.
    """
    # The same name at every start, so that starts that were killed leave one folder and not many.
    digest = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    places = [folder / "socket"]
    places += [Path(parent, f"overread-{digest}") for parent in (tempfile.gettempdir(), "/tmp")]  # noqa: S108
    for place in places:
        socket = place / f".s.PGSQL.{PORT}"
        if len(os.fsencode(socket)) <= LONGEST_ANYWHERE and account.can_reach(place.parent):
            _close_to_others(place, account)
            _clear(socket)
            return place
    raise EmbeddedPostgresError(f"user {account.name} can reach no folder for PostgreSQL's socket; tried {places}")


def _close_to_others(place: Path, account: Account) -> None:
    place.mkdir(mode=0o700, exist_ok=True)
    # Others may write in the temporary folder: what is there already must be a folder, and ours.
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        owner = os.fstat(descriptor).st_uid
        if owner not in {os.geteuid(), account.uid}:
            raise EmbeddedPostgresError(f"{place} belongs to user id {owner}: remove it")
        if account.lent:
            os.fchown(descriptor, account.uid, account.gid)
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != 0o700:
            os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)


def _clear(socket: Path) -> None:
    """Remove what a killed server left: the process id in its lock file may be another's by now.

    The folder's own lock and the cluster's `postmaster.pid` are what keeps two servers apart.
    """
    socket.unlink(missing_ok=True)
    socket.with_name(f"{socket.name}.lock").unlink(missing_ok=True)
