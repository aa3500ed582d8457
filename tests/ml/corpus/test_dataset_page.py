"""docs/reference/dataset.md names every file, column and key that a dataset has."""

import json
import re

import pyarrow.parquet as pq

from ml.corpus.store import FORMAT, WINDOW_SHAPE, Store
from tests.ml.code_blocks import DOCS

PAGE = (DOCS / "reference/dataset.md").read_text(encoding="utf-8")


def named(heading: str) -> set[str]:
    """Return the words in code marks in the first column of a section's table, or in its text if it has none."""
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)[1]
    cells = re.findall(r"^\| (`.*?) \|", section, re.M) or [section]
    return {word for cell in cells for word in re.findall(r"`([a-z_0-9]+)`", cell)}


def test_every_column_and_key_is_on_the_page(store_folder):
    assert named("windows.parquet") == set(pq.read_schema(store_folder / "windows.parquet").names)
    assert named("statements.parquet") == set(pq.read_schema(store_folder / "statements.parquet").names)
    assert named("dataset.json") == json.loads((store_folder / "dataset.json").read_text()).keys()


def test_every_file_is_on_the_page_and_the_windows_are_as_it_says(store_folder, tmp_path):
    files = {path.name for path in store_folder.iterdir()} | {"vocabulary.yaml"}
    assert set(re.findall(r"^\| `([a-z]+\.[a-z]+)` \|", PAGE, re.M)) == files
    store = Store(store_folder)
    assert f"float16, little-endian, shape (n, {WINDOW_SHAPE[0]}, {WINDOW_SHAPE[1]})" in PAGE
    assert store.windows.dtype == "<f2" and f"| `format` | {FORMAT}." in PAGE


def test_masks_and_types_are_as_the_page_says(store_folder):
    schema = pq.read_schema(store_folder / "windows.parquet")
    types = {"overread_present": "int64", "patient": "string", "recorded_at": "timestamp[us, tz=UTC]"}
    assert {name: str(schema.field(name).type) for name in types} == types
    store = Store(store_folder)
    masks = store.column("overread_present")
    assert (store.targets("overread", "negative")[0][:, 1] == (masks >> 1 & 1)).all()
