"""How every Python child of the service is started: from our own code, never from the current folder.

Python puts the current folder first on the path of `python -m …`. In a folder that others may write to, a file
`app/__init__.py` there would run as the service; in a user's own project with a package `app`, ours would not be found.
"""

import os
import sys


def python_module(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module in a child, with the current folder off its path."""
    return [sys.executable, "-P", "-m", module, *arguments]


def safe_environment() -> dict[str, str]:
    """Return this process's environment for a child of the service itself; its own children are started safely too."""
    return {**os.environ, "PYTHONSAFEPATH": "1"}


def secretless_environment() -> dict[str, str]:
    """Return the environment for a child that needs no setting of ours: it knows no database and no key."""
    return {name: value for name, value in safe_environment().items() if not name.startswith("OVERREAD_")}
