"""What a child says to its parent: one JSON object a line on standard output. Its log is standard error."""

import json
import os
import signal
import sys
import threading
from typing import Any


def say(event: str, **payload: Any) -> None:
    """Write one event."""
    sys.stdout.write(json.dumps({"event": event, **payload}) + "\n")
    sys.stdout.flush()


def end_with_parent() -> None:
    """End this process group when standard input closes: whoever started us is gone."""

    def wait() -> None:
        while os.read(0, 1024):  # not sys.stdin: its lock would be held when the interpreter ends
            pass
        if os.getpgid(0) == os.getpid():  # only a group of our own
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=wait, name="parent-pipe", daemon=True).start()
