"""The operating-system account PostgreSQL runs under: it refuses root, so root must lend it another one."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from app.embedded.errors import EmbeddedPostgresError

UNPRIVILEGED = ("postgres", "nobody")
"""Accounts tried, in this order, when the service runs as root and the folder is root's too."""


@dataclass(frozen=True)
class Account:
    """An account by numbers; `lent` when it is not the one this process runs under."""

    uid: int
    gid: int
    name: str

    @property
    def lent(self) -> bool:
        """Whether children must change to it."""
        return self.uid != os.geteuid()

    def can_reach(self, path: Path) -> bool:
        """Tell whether the account, in no group but its own, may read `path` and enter every folder above.

        Judged by permission bits alone; access-control lists are not looked at.
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
    """Look an account up; initdb needs it to have a name.

    Raises
    ------
    EmbeddedPostgresError
        The number has no entry, as in a container started with a made-up `--user`.
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
    """Choose who runs PostgreSQL: this account, or as root the cluster's or folder's owner, or a nobody."""
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
