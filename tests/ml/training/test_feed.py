import threading

import numpy as np
import pytest
import torch

from ml.processes.read_ahead import read_ahead
from ml.training.feed import Windows


@pytest.mark.parametrize("resident", ["always", "never", "auto"])
def test_rows_come_as_they_are_wherever_they_lie(resident):
    stored = np.random.default_rng(0).standard_normal((20, 12, 50)).astype(np.float16)
    windows = Windows(stored, torch.device("cpu"), resident)
    assert (windows.resident is not None) == (resident == "always")
    rows = np.array([3, 19, 3, 0])
    result = windows[rows]
    assert result.dtype == torch.float32
    np.testing.assert_array_equal(result.numpy(), stored[rows].astype(np.float32))


def test_items_come_in_order_and_some_are_loaded_before_they_are_asked_for():
    loaded = []
    reader = read_ahead(range(10), lambda item: loaded.append(item) or item, ahead=3)
    assert next(reader) == 0
    assert max(loaded) <= 3
    assert list(reader) == list(range(1, 10))
    assert loaded == list(range(10))


def test_what_fails_fails_where_its_item_was_to_be():
    def load(item):
        if item == 2:
            raise OSError("the disk is gone")
        return item

    reader = read_ahead(range(5), load)
    assert [next(reader), next(reader)] == [0, 1]
    with pytest.raises(OSError, match="disk"):
        next(reader)


def test_the_thread_ends_with_the_iterator():
    reader = read_ahead(range(1000), lambda item: item)
    next(reader)
    reader.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read-ahead")]
