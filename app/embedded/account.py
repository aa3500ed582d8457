"""The operating-system account that PostgreSQL runs under: another one than root, which it refuses."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from app.embedded.errors import EmbeddedPostgresError

UNPRIVILEGED = ("postgres", "nobody")
"""Accounts to try, in this order, when the service runs as root and root owns the folder."""


@dataclass(frozen=True)
class Account:
    """An account: user id, group id, name."""

    uid: int
    gid: int
    name: str

    @property
    def lent(self) -> bool:
        """Whether it is another account than this process's, so that children must change to it."""
        return self.uid != os.geteuid()

    def can_reach(self, path: Path) -> bool:
        """Return whether the account, in no group but its own, may read `path` and enter every folder above.

        Only permission bits are looked at, not access-control lists.
        """
        if not self.lent:
            return True
        path = path.resolve()
        return self._may(path, stat.S_IROTH) and all(self._may(p, stat.S_IXOTH) for p in path.parents)

    def _may(self, path: Path, bit: int) -> bool:
        status = path.stat()
        shift = 6 if status.st_uid == self.uid else 3 if status.st_gid == self.gid else 0
        return bool(status.st_mode >> shift & bit)


def account_of(uid: int) -> Account:
    """Return the account of a user id; initdb needs it to have a name.

    Raises
    ------
    EmbeddedPostgresError
        The user id has no entry, as in a container started with `--user` and any number.
    """
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise EmbeddedPostgresError(
            f"user id {uid} has no account on this system, which PostgreSQL needs: "
            "run under a named account or set OVERREAD_DATABASE_URL"
        ) from None
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name)


def server_account(folder: Path, cluster: Path) -> Account:
    """Return the account that runs PostgreSQL: this one; for root the owner of cluster or folder, or `UNPRIVILEGED`."""
    if os.geteuid() != 0:
        return account_of(os.geteuid())
    for place in (cluster, folder):
        if place.exists() and place.stat().st_uid != 0:
            return account_of(place.stat().st_uid)
    for name in UNPRIVILEGED:
        try:
            return account_of(pwd.getpwnam(name).pw_uid)
        except KeyError:
            continue
    raise EmbeddedPostgresError(
        f"PostgreSQL does not run as root and there is no account {' or '.join(UNPRIVILEGED)}: "
        "run Overread as an ordinary user or set OVERREAD_DATABASE_URL"
    )
