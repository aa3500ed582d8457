"""Reads `postmaster.pid`: whether a server runs on a cluster, and stops one whose supervisor has ended."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from app.embedded.cluster import Cluster
from app.embedded.errors import EmbeddedPostgresError

STOP_STEPS = ((signal.SIGINT, 20), (signal.SIGQUIT, 10), (signal.SIGKILL, 5))
"""Signals to send, one after the other, and how many seconds to wait after each; as for our own server."""
READY = "ready"


def stop(cluster: Cluster) -> None:
    """Stop the server that runs on the cluster without a supervisor, if there is one.

    Called with the folder's lock held, so nobody else starts or stops one meanwhile. On Linux the kernel has
    already told an orphan to stop, and this only waits for it.
    """
    lines = _pid_file(cluster)
    if not lines:
        return
    pid = int(lines[0])
    if _is_alive(pid) and not _serves(pid, cluster):
        # The number was given to another process since, as it is in a container started again. PostgreSQL would
        # refuse for ever. Its parent's number says "stale" to it; deleting the file would also drop its check that
        # no back end of the old server still uses the cluster's shared memory.
        cluster.write("postmaster.pid", "\n".join([str(os.getpid()), *lines[1:], ""]))
        return
    for number, patience_s in STOP_STEPS:
        if not _serves(pid, cluster):
            return
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + patience_s
        while _serves(pid, cluster) and time.monotonic() < deadline:
            time.sleep(0.05)
    if _serves(pid, cluster):
        raise EmbeddedPostgresError(f"PostgreSQL (process {pid}) runs on {cluster.folder} and does not stop")


def sockets_of_running(cluster: Cluster) -> Path | None:
    """Return the socket folder of the server that runs on the cluster and takes connections; None where none does."""
    lines = _pid_file(cluster)
    ready = len(lines) > 7 and lines[7].strip() == READY and _serves(int(lines[0]), cluster)
    return Path(lines[4]) if ready else None


def _pid_file(cluster: Cluster) -> list[str]:
    """Return the lines of `postmaster.pid`; [] where there is none, or no process id.

    They are: process id, data folder, start time, port, socket folder, address, shared memory, status.
    """
    try:
        lines = cluster.read("postmaster.pid").splitlines()
    except FileNotFoundError:
        return []
    return lines if lines and lines[0].isdecimal() else []


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another account's
        return True
    return True


def _serves(pid: int, cluster: Cluster) -> bool:
    """Return whether the process is PostgreSQL on this cluster: its current folder is the cluster's."""
    if sys.platform.startswith("linux"):
        try:
            return Path(f"/proc/{pid}/cwd").samefile(cluster.folder)
        except OSError:  # it has ended, or is another account's
            return False
    command = ["/bin/ps", "-p", str(pid), "-o", "command="]
    listed = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    return "postgres" in listed.stdout
