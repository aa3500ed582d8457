"""Events from a child to its parent: one JSON object a line on standard output. Standard error is the log."""

import json
import os
import signal
import sys
import threading
from typing import IO, Any


class Events:
    """Writes events to the parent."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def say(self, event: str, **payload: Any) -> None:
        """Write one event: `progress`, `metrics`, `resumed`, `result` or `error`."""
        self._stream.write(json.dumps({"event": event, **payload}, allow_nan=False).encode() + b"\n")
        self._stream.flush()


def take_stdout() -> IO[bytes]:
    """Return standard output for events alone. From now on, whatever a library prints goes to the log."""
    sys.stdout.flush()
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return stream


def end_with_parent() -> None:
    """End this process group when standard input closes, because the parent has ended.

    A SIGTERM needs no handler: the default ends the process at once, even inside a long step of torch where a Python
    handler would wait, and whatever is on disk was renamed into place whole.
    """

    def wait() -> None:
        while os.read(0, 1024):  # not sys.stdin, whose lock would be held when the interpreter ends
            pass
        if os.getpgid(0) == os.getpid():  # only when this process leads its group
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=wait, name="parent-pipe", daemon=True).start()
