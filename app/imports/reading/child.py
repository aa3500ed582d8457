"""`python -m app.imports.reading.child`: reads entries for another process, some at a time, until its input ends.

It opens no database and has no key. A request's body is a list of tasks as JSON; each task is answered by a frame whose
header is a `Prepared` and whose body is the encoded waveform.
"""

import gc
import json
import sys

from app.imports.reading.prepare import prepare
from app.imports.reading.prepared import PREPARED, TASKS
from ml.processes.frames import read_frame, write_frame


def main() -> None:
    """Answer until the input ends."""
    gc.freeze()  # what is imported stays: the collector need not look through it again and again
    while True:
        try:
            _, body = read_frame(sys.stdin.buffer)
        except EOFError:
            return
        for task in TASKS.validate_json(body):
            prepared, encoded = prepare(task)
            write_frame(sys.stdout.buffer, json.loads(PREPARED.dump_json(prepared)), encoded)


if __name__ == "__main__":
    main()
