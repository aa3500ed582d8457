"""A server whose supervisor is gone: found by `postmaster.pid` and stopped, so that ours can start."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from app.embedded.cluster import Cluster
from app.embedded.errors import EmbeddedPostgresError

PATIENCE_S = ((signal.SIGINT, 20), (signal.SIGQUIT, 10), (signal.SIGKILL, 5))


def stop(cluster: Cluster) -> None:
    """Stop the server that runs on the cluster without a supervisor, if there is one.

    Called with the folder's lock held, so nobody else starts or stops one meanwhile. On Linux the kernel has
    already told an orphan to stop, and this only waits for it.
    """
    try:
        lines = cluster.read("postmaster.pid").splitlines()
        pid = int(lines[0])
    except (FileNotFoundError, IndexError, ValueError):
        return
    if not _is_alive(pid):
        return
    if not _serves(pid, cluster):
        # The number was given to another process since, as it is in a container started again. PostgreSQL would
        # refuse for ever. Our own number says "stale" to it; deleting the file would also drop its check that no
        # back end of the old server still uses the cluster's shared memory.
        cluster.write("postmaster.pid", "\n".join([str(os.getpid()), *lines[1:], ""]))
        return
    for number, patience_s in PATIENCE_S:
        os.kill(pid, number)
        if _ended(pid, patience_s):
            return
    raise EmbeddedPostgresError(f"a PostgreSQL without supervisor (process {pid}) runs on {cluster.folder}")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _serves(pid: int, cluster: Cluster) -> bool:
    """Tell whether the process is a PostgreSQL on this cluster: it works in the cluster's folder."""
    if sys.platform.startswith("linux"):
        try:
            return Path(f"/proc/{pid}/cwd").samefile(cluster.folder)
        except OSError:
            return False
    listed = subprocess.run(  # noqa: S603
        ["/bin/ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False
    )
    return "postgres" in listed.stdout


def _ended(pid: int, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if not _is_alive(pid):
            return True
        time.sleep(0.05)
    return False
