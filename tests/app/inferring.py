"""An inference worker in a thread of the test, with a real child."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.predictions import worker
from app.predictions.child import WarmChild
from app.settings import Settings


@contextmanager
def inferring(settings: Settings) -> Iterator[WarmChild]:
    """Answer questions while the block runs."""
    stopping = threading.Event()
    with WarmChild(settings.data_dir / "inference.txt") as child:
        thread = threading.Thread(target=worker.work_until, args=(stopping, settings, child))
        thread.start()
        try:
            yield child
        finally:
            stopping.set()
            thread.join()
