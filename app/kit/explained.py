"""Errors whose message is for the user."""

from typing import ClassVar


class Explained(Exception):
    """Work that cannot be done; the message says why, and what to do. A command prints it and ends with `status`."""

    status: ClassVar[int] = 1
