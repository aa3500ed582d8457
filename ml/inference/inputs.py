"""From paths to windows: a WFDB record, a folder of records, or an `.npz` of windows that are preprocessed already."""

import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ml.formats import LEADS, Unreadable, read
from ml.signals import Preprocessing, Unusable, preprocess

_SIGNAL_FILES = (".dat", ".mat")
_MAX_WINDOW = 50.0  # standard deviations: what is beyond was not z-scored


@dataclass(frozen=True, eq=False)
class Record:
    """A record's windows, (k, 12, samples)."""

    name: str
    windows: NDArray[np.float32]


@dataclass(frozen=True)
class Unread:
    """What gave no windows, and why."""

    name: str
    reason: str


def read_all(paths: Iterable[Path], options: Preprocessing) -> Iterator[Record | Unread]:
    """Read whatever `paths` name, one record at a time; what cannot be read is said and the next one follows.

    Parameters
    ----------
    paths
        A header with or without `.hea`, a folder (every header below it, in order), or an `.npz` with `X`
        (n, 12, samples), `ecg_id` (n,) and, where it has them, `scale`, `leads` and `fs`.
    options
        The preprocessing of the model that is to be asked; windows of an `.npz` have been through the like of it.
    """
    for path in paths:
        if path.is_dir():
            headers = sorted(path.rglob("*.hea"))
            if not headers:
                yield Unread(str(path), "the folder holds no record (.hea)")
            for header in headers:
                yield _record(header, options)
        elif path.suffix == ".npz":
            yield from _windows(path, options)
        else:
            yield _record(path if path.suffix == ".hea" else path.with_name(f"{path.name}.hea"), options)


def _record(header: Path, options: Preprocessing) -> Record | Unread:
    """Read one record; of the folder only the header and the signal files of its name are opened."""
    try:
        files = {header.name: header.read_bytes()}
        for suffix in _SIGNAL_FILES:
            if (signal := header.with_suffix(suffix)).is_file():
                files[signal.name] = signal.read_bytes()
        recording = read(files)
        windows = preprocess(recording.millivolts(), recording.sampling_rate_hz, options)
    except OSError as error:
        return Unread(str(header), error.strerror or type(error).__name__)
    except (Unreadable, Unusable) as error:
        return Unread(str(header), str(error))
    return Record(header.stem, windows.values)


def _windows(path: Path, options: Preprocessing) -> Iterator[Record | Unread]:
    try:
        with path.open("rb") as file, _archive(file) as content:
            windows, names = content["X"], content["ecg_id"]
            scale = float(content["scale"]) if "scale" in content else 1.0
            order = _order(content["leads"]) if "leads" in content else list(range(len(LEADS)))
            rate_hz = float(content["fs"]) if "fs" in content else options.target_rate_hz
        _check(windows, names, rate_hz, options)
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        yield Unread(str(path), getattr(error, "strerror", None) or "it is no .npz")
        return
    except KeyError as error:
        yield Unread(str(path), f"it lacks {error.args[0]}")
        return
    except (TypeError, ValueError) as error:
        yield Unread(str(path), str(error))
        return
    for name, stored in zip(names, windows, strict=True):
        window = stored[order].astype(np.float32) * np.float32(scale)
        highest = np.abs(window).max()
        if not highest <= _MAX_WINDOW:  # so written, NaN is none either
            yield Unread(f"{path}: {name}", "the window is not z-scored, or has a value that is no number")
        else:
            yield Record(str(name), window[None])


def _archive(file: IO[bytes]) -> "np.lib.npyio.NpzFile":
    archive = np.load(file, allow_pickle=False)
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise ValueError("it is one array, not an .npz")
    return archive


def _order(leads: NDArray[Any]) -> list[int]:
    named = [str(lead) for lead in leads.tolist()]
    if sorted(named) != sorted(LEADS):
        raise ValueError(f"its leads are not {', '.join(LEADS)}")
    return [named.index(lead) for lead in LEADS]


def _check(windows: NDArray[Any], names: NDArray[Any], rate_hz: float, options: Preprocessing) -> None:
    shape = (len(LEADS), options.samples)
    if windows.ndim != 3 or windows.shape[1:] != shape or windows.dtype.kind not in "if":
        raise ValueError(f"X is {windows.dtype} of shape {windows.shape}, not numbers of shape {('n', *shape)}")
    if names.shape != windows.shape[:1]:
        raise ValueError("ecg_id does not name each window")
    if rate_hz != options.target_rate_hz:
        raise ValueError(f"its windows have {rate_hz:g} samples a second, the model wants {options.target_rate_hz:g}")
