"""From paths to windows: records, folders of records, and files of windows. Nothing is left out without a word."""

import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from ml.formats import FORMATS, Unreadable
from ml.formats.disk import RecordOnDisk, record_at, record_named
from ml.inference.found import Record, Skipped, Unread
from ml.inference.windows import DATASET_FILES, is_windows_file, read_windows
from ml.signals import Preprocessing, Unusable, preprocess

Found = Record | Unread | Skipped

_ENDINGS = tuple(ending for file_format in FORMATS if file_format.ending_decides for ending in file_format.endings)


def read_all(paths: Iterable[Path], options: Preprocessing) -> Iterator[Found]:
    """Yield what is found at `paths`, one record at a time; whatever one file brings up, the next one is read.

    Parameters
    ----------
    paths
        Any file of a record, with or without its ending; a folder, with everything below it; an `.npz` of windows; a
        dataset's `windows.npy`.
    options
        The preprocessing of the model; files of windows must have been through the same.
    """
    answered: set[Path] = set()  # main files: `r.hea r.dat` names one record twice
    for path in paths:
        yield from _guarded(path, _at(path, options, answered))


def _at(path: Path, options: Preprocessing, answered: set[Path]) -> Iterator[Found]:
    if path.is_dir():
        yield from _folder(path, options)
    elif is_windows_file(path):
        yield from read_windows(path, options)
    elif record := record_named(path):
        if record.main not in answered:
            answered.add(record.main)
            yield from _record(record, options)
    else:
        path.stat()  # raises the reason where there is no such file
        yield Unread(str(path), "it is no ECG file of a known format, and no header beside it has its name")


def _record(record: RecordOnDisk, options: Preprocessing) -> Iterator[Found]:
    file = record.read()
    windows = preprocess(file.recording.millivolts(), file.recording.sampling_rate_hz, options)
    machine = next((reading.text for reading in file.readings if reading.source == "machine"), None)
    yield Record(record.main.stem, windows.values, machine=machine)


def _guarded(path: Path, found: Iterator[Found]) -> Iterator[Found]:
    """Yield what is found at a path; an error becomes an `Unread`, so that the next path is read."""
    try:
        yield from found
    except OSError as error:
        elsewhere = error.filename is not None and Path(error.filename).name != path.name
        yield Unread(str(path), f"{Path(error.filename).name}: {_reason(error)}" if elsewhere else _reason(error))
    except (zipfile.BadZipFile, zlib.error, EOFError):
        yield Unread(str(path), "it is damaged, or not the file that its name says")
    except (Unreadable, Unusable, ValueError) as error:
        yield Unread(str(path), str(error))
    except Exception as error:  # a hostile file must not end the batch
        yield Unread(str(path), f"it cannot be read ({type(error).__name__})")


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _folder(root: Path, options: Preprocessing) -> Iterator[Found]:
    """Yield what is in a folder and below, in the order of names. Links to folders are named, not followed."""
    unreadable: list[OSError] = []
    found_any = False
    for folder, subfolders, names in os.walk(root, onerror=unreadable.append):
        subfolders.sort()
        for found in _files(Path(folder), sorted(names), options):
            found_any |= not isinstance(found, Skipped)
            yield found
        for name in subfolders:
            path = Path(folder, name)
            if path.is_symlink():
                yield Unread(str(path), "a link to a folder is not followed; name the folder itself")
            elif name.lower().endswith(_ENDINGS):
                yield Unread(str(path), "it is a folder with the name of a file")
    for error in unreadable:
        yield Unread(str(error.filename), _reason(error))
    if not found_any and not unreadable:
        yield Unread(
            str(root), f"the folder holds no ECG of a known format ({', '.join(each.name for each in FORMATS)})"
        )


def _files(folder: Path, names: list[str], options: Preprocessing) -> Iterator[Found]:
    """Yield the records and windows among the files of one folder, and then what belongs to none of them."""
    used: set[str] = set()
    others = []
    parts: set[str] = set()
    answers: list[tuple[str, Iterator[Found]]] = []
    for name in names:
        path = folder / name
        if is_windows_file(path):
            used.update(DATASET_FILES if name in DATASET_FILES else ())
            answers.append(("", _guarded(path, read_windows(path, options))))
            continue
        try:
            record = record_at(path)
        except OSError as error:
            answers.append(("", iter([Unread(str(path), _reason(error))])))
            continue
        if record is None:
            others.append(name)
        else:
            used.update(beside.name for beside in record.beside)
            parts |= record.parts
            answers.append(("" if record.parts else name, _guarded(path, _record(record, options))))
    for name, found in answers:
        if name not in parts:
            yield from found
    others = [name for name in others if name not in used]
    for name in others:
        if name.lower().endswith(_ENDINGS):
            yield Unread(str(folder / name), "no header beside it names this file")
    if skipped := tuple(name for name in others if not name.lower().endswith(_ENDINGS)):
        yield Skipped(str(folder), skipped)
