"""A frozen dataset divided in another way: the same windows and labels, other splits, a hash of its own."""

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

from ml.corpus.division import Described, divide, put
from ml.corpus.split_rules import FRACTIONS, SplitRule
from ml.corpus.store import Store

_ROWS_AT_ONCE = 1024
_AS_THEY_ARE = ("windows.npy", "statements.parquet", "vocabulary.yaml")


def resplit(
    folder: Path, out: Path, rule: SplitRule, *, seed: int = 0, fractions: tuple[float, float, float] = FRACTIONS
) -> dict[str, Any]:
    """Write a dataset with the windows of another one, and return its description (`dataset.json`).

    The windows are linked where `out` is on the same disk, else copied. Raises `InvalidStore`, `CannotSplit`, and
    `FileExistsError` where `out` is there already.
    """
    if out.exists():
        raise FileExistsError(17, "is there already", str(out))
    store = Store(folder)
    content = hashlib.sha256()
    for start in range(0, len(store.windows), _ROWS_AT_ONCE):
        content.update(store.windows[start : start + _ROWS_AT_ONCE].tobytes())
    building = out.with_name(f".{out.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    try:
        for name in _AS_THEY_ARE:
            if (folder / name).exists():
                _link(folder / name, building / name)
        said = [statement._asdict() for statement in store.statements]
        described = Described(store.labels, store.preprocessing, said, store.vocabulary)
        table = store.table.drop_columns(["split"])
        description = divide(building, table, described, content, rule=rule, seed=seed, fractions=fractions)
        put(building, out)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return description


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
