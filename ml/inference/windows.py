"""Windows that are preprocessed already: an `.npz`, or the `windows.npy` of a dataset with its Parquet beside.

`docs/reference/predict.md` describes both. Nothing is read before its size is known, and windows come one at a time.
"""

import json
import math
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ml.formats import LEADS
from ml.formats.disk import open_file, read_file
from ml.formats.leads import known_lead
from ml.inference.found import Record, Unread
from ml.signals import Preprocessing
from ml.signals.quality import is_constant

DATASET_FILES = ("windows.npy", "windows.parquet", "dataset.json", "statements.parquet", "vocabulary.yaml")

_MAX_WHOLE_BYTES = 2**30  # of an X that cannot be read window by window
_MAX_NAMES_BYTES = 2**26
_MAX_LEADS = 64
_MAX_EXPANSION = 100  # of a compressed array beyond that; ECGs are compressed to a third
_MAX_DESCRIPTION_BYTES = 2**24
_MAX_VALUE = 50.0  # standard deviations
_DEVIATIONS = 0.5, 1.5  # of a z-scored window: the notch filters lower them a little
_NUMBERS, _NAMES = "iuf", "iuUS"  # NumPy's kinds


class _Layout(NamedTuple):
    """What the header of an `.npy` says."""

    shape: tuple[int, ...]
    in_fortran_order: bool
    dtype: np.dtype[Any]

    @property
    def size_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def is_windows_file(path: Path) -> bool:
    """Return whether a file's name is that of a file of windows."""
    return path.suffix.lower() == ".npz" or path.name == DATASET_FILES[0]


def read_windows(path: Path, options: Preprocessing) -> Iterator[Record | Unread]:
    """Yield the windows of a file, each as a record of its own. Raises `OSError` or `ValueError`.

    `options` is the preprocessing of the model: the windows must have been through the same.
    """
    rows = _npz_rows(path, options) if path.suffix.lower() == ".npz" else _dataset_rows(path, options)
    previous, number = None, -1
    for name, window in rows:
        previous, number = name, number + 1 if name == previous else 0
        if reason := _reason_against(window):
            yield Unread(f"{path}: {name}, window {number}", reason)
        else:
            yield Record(name, window[None], number)
    if number < 0:
        raise ValueError("it holds no windows")


def _reason_against(window: NDArray[np.float32]) -> str | None:
    """Return why a window, (12, samples), cannot be used. What has no signal is refused as in an ECG of any file."""
    if not np.isfinite(window).all():
        return "the window has missing or infinite values"
    if (constant := is_constant(window)).any():
        named = ", ".join(lead for lead, affected in zip(LEADS, constant.tolist(), strict=True) if affected)
        return f"the window has no signal (a constant) in {named}"
    lowest, highest = _DEVIATIONS
    if np.abs(window).max() > _MAX_VALUE or not lowest <= float(np.median(window.std(axis=1))) <= highest:
        return "the window is not z-scored: each lead needs mean 0 and standard deviation 1"
    return None


def _npz_rows(path: Path, options: Preprocessing) -> Iterator[tuple[str, NDArray[np.float32]]]:
    with open_file(path) as file, zipfile.ZipFile(file) as archive:
        names = _names_in(archive, "ecg_id")
        scale = _number(archive, "scale", 1.0)
        rate_hz = _number(archive, "fs", options.target_rate_hz)
        if rate_hz != options.target_rate_hz:
            raise ValueError(
                f"the windows have {rate_hz:g} samples a second; the model needs {options.target_rate_hz:g}"
            )
        leads = _names_in(archive, "leads") if _has(archive, "leads") else LEADS
        if len(leads) > _MAX_LEADS:
            raise ValueError(f"leads names {len(leads)} leads; the most is {_MAX_LEADS}")
        order, signs = _order(leads)
        info = _member(archive, "X")
        with archive.open(info) as member:
            layout = _layout(member, "X", _NUMBERS)
            _check_shape(layout, (len(names), len(leads), options.samples))
            if layout.size_bytes > info.file_size:
                raise ValueError("X is shorter than its shape says")
            if info.file_size > max(_MAX_WHOLE_BYTES, _MAX_EXPANSION * info.compress_size):
                raise ValueError(f"X is compressed more than {_MAX_EXPANSION}-fold; no ECG is")
            for name, stored in zip(names, _values(member, layout), strict=True):
                with np.errstate(over="ignore", invalid="ignore"):  # what becomes infinite is refused by its window
                    window = stored[order].astype(np.float32) * (np.float32(scale) * signs)
                yield name, window


def _dataset_rows(path: Path, options: Preprocessing) -> Iterator[tuple[str, NDArray[np.float32]]]:
    table = path.with_name("windows.parquet")
    description = path.with_name("dataset.json")
    if not table.exists():
        raise ValueError("windows.parquet, which names the windows, is not beside it")
    if description.exists():
        described = json.loads(read_file(description, _MAX_DESCRIPTION_BYTES))
        if described.get("preprocessing") != options.to_dict():
            raise ValueError("the dataset and the model do not have the same preprocessing")
    with open_file(path) as file, open_file(table) as names:
        ids = pq.ParquetFile(names)
        layout = _layout(file, path.name, _NUMBERS)
        _check_shape(layout, (ids.metadata.num_rows, len(LEADS), options.samples))
        for name, stored in zip(_ecg_ids(ids), _values(file, layout), strict=True):
            yield name, stored.astype(np.float32)


def _ecg_ids(table: pq.ParquetFile) -> Iterator[str]:
    for batch in table.iter_batches(columns=["ecg_id"]):
        yield from map(str, batch.column(0).to_pylist())


def _values(file: IO[bytes], layout: _Layout) -> Iterator[NDArray[Any]]:
    """Yield the rows of an array whose header was read."""
    count, *row_shape = layout.shape
    if layout.in_fortran_order:  # each row is spread over the whole array
        if layout.size_bytes > _MAX_WHOLE_BYTES:
            raise ValueError("X is in Fortran order and large; save numpy.ascontiguousarray(X)")
        yield from np.frombuffer(_exactly(file, layout.size_bytes), layout.dtype).reshape(layout.shape, order="F")
        return
    row_bytes = layout.size_bytes // count if count else 0
    for _ in range(count):
        yield np.frombuffer(_exactly(file, row_bytes), layout.dtype).reshape(row_shape)


def _layout(file: IO[bytes], name: str, kinds: str) -> _Layout:
    if np.lib.format.read_magic(file) != (1, 0):  # version 2 is for headers of 64 kB and more
        raise ValueError(f"{name} has a header of an unknown version")
    shape, in_fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.kind not in kinds:
        raise ValueError(
            f"{name} holds {dtype.name}, not {'numbers' if kinds == _NUMBERS else 'text or whole numbers'}"
        )
    if min(shape, default=0) < 0:
        raise ValueError(f"{name} has the shape {shape}")
    return _Layout(shape, in_fortran_order, dtype)


def _check_shape(layout: _Layout, expected: tuple[int, ...]) -> None:
    if layout.shape != expected:
        raise ValueError(f"X has the shape {layout.shape}; {expected} is needed: windows, leads, samples")


def _small(archive: zipfile.ZipFile, name: str, kinds: str) -> NDArray[Any]:
    """Return a whole array of an archive."""
    info = _member(archive, name)
    with archive.open(info) as member:
        layout = _layout(member, name, kinds)
        if layout.size_bytes > min(_MAX_NAMES_BYTES, info.file_size):
            raise ValueError(f"{name} is too large, or shorter than its shape says")
        values = np.frombuffer(_exactly(member, layout.size_bytes), layout.dtype)
        return values.reshape(layout.shape, order="F" if layout.in_fortran_order else "C")


def _names_in(archive: zipfile.ZipFile, name: str) -> list[str]:
    values = _small(archive, name, _NAMES)
    if values.ndim != 1:
        raise ValueError(f"{name} has the shape {values.shape}; it must be a list")
    return [value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in values.tolist()]


def _number(archive: zipfile.ZipFile, name: str, default: float) -> float:
    if not _has(archive, name):
        return default
    values = _small(archive, name, _NUMBERS)
    if values.size != 1 or not 0 < float(values.reshape(())) < math.inf:
        raise ValueError(f"{name} must be one number above 0")
    return float(values.reshape(()))


def _has(archive: zipfile.ZipFile, name: str) -> bool:
    return f"{name}.npy" in archive.namelist()


def _member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    if not _has(archive, name):
        raise ValueError(f"it has no array {name}")
    info = archive.getinfo(f"{name}.npy")
    if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is encrypted or compressed in a way that numpy.savez does not write")
    return info


def _order(leads: Iterable[str]) -> tuple[list[int], NDArray[np.float32]]:
    """Return where each of the twelve leads is, and their signs, (12, 1)."""
    places: dict[str, tuple[int, int]] = {}
    for place, name in enumerate(leads):
        if lead := known_lead(name):
            if lead.name in places:
                raise ValueError(f"leads names {lead.name} twice")
            places[lead.name] = place, lead.sign
    if missing := [lead for lead in LEADS if lead not in places]:
        raise ValueError(f"missing leads: {', '.join(missing)}")
    signs = np.array([[places[lead][1]] for lead in LEADS], np.float32)
    return [places[lead][0] for lead in LEADS], signs


def _exactly(file: IO[bytes], size: int) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise ValueError("it ends too early")
    return content
