"""How every Python child of the service is started and ended: from our own code, never from the current folder.

Python puts the current folder first on the path of `python -m …`. In a folder that others may write to, a file
`app/__init__.py` there would run as the service; in a user's own project with a package `app`, ours would not be found.
"""

import contextlib
import os
import signal
import subprocess
import sys

SECRET = ("OVERREAD_", "AWS_", "AZURE_", "GOOGLE_")
"""How the names of variables begin that hold our settings, or an object store's credentials."""
GRACE_S = 5.0  # between asking a child to end and killing it


def python_module(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module in a child, with the current folder off its path."""
    return [sys.executable, "-P", "-m", module, *arguments]


def safe_environment() -> dict[str, str]:
    """Return this process's environment for a child of the service itself; its own children are started safely too."""
    return {**os.environ, "PYTHONSAFEPATH": "1"}


def secretless_environment() -> dict[str, str]:
    """Return the environment for a child that needs no setting of ours: no database, object store or key is in it."""
    return {name: value for name, value in safe_environment().items() if not name.startswith(SECRET)}


def end_group(child: subprocess.Popen[bytes]) -> None:
    """End the child and everything it started: SIGTERM, and SIGKILL after `GRACE_S`."""
    if child.poll() is None:
        _signal_group(child, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_S)
    _signal_group(child, signal.SIGKILL)  # its children may still run
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)
