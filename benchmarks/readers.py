"""Every real file of a folder as its reader sees it, against a second reader, and how fast each reader is.

    python -m benchmarks.readers FOLDER... [--rounds 5] [--brief]

One core. Prints a row a file: format, samples a lead, rate, range in mV, how many statements each of its readings has,
the largest difference in µV from what an independent reader makes of it (wfdb, pydicom, h5py, edfio; for SCP-ECG the
same ECG as HL7 aECG), the largest difference in µV of the limb leads that are stored from those that I and II give,
and the best time of some rounds. Then a row a reader: ECGs a second, of `ml.formats` alone (no file access); with what
an import adds (checks of the signal, and its encoding); and of the independent library, with its file access, in the
same run. `--brief` has one row for all files of a format in a folder where there are more than ten: the largest
differences, and the mean time.
"""

import argparse
import platform
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ml import formats
from ml.formats import LEADS, Recording, Unreadable
from ml.formats.disk import RecordOnDisk, record_at
from ml.formats.waveform import encode
from ml.signals import check_usable
from tests.ml.formats.edf import edf_file
from tests.ml.formats.encodings import BITS, FLAC_BITS, record, signal_of
from tests.ml.formats.records import simulated

T = TypeVar("T")
MANY = 10
Signal = NDArray[np.float64]


def by_wfdb(path: Path) -> Signal | None:
    """Return what the `wfdb` library reads, (12, n) in mV; None where it refuses the record."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import wfdb

        try:
            record = wfdb.rdrecord(str(path.with_suffix("")))
        except Exception:
            return None
    names = [name.lower() for name in record.sig_name]
    return np.array(record.p_signal[:, [names.index(lead.lower()) for lead in LEADS]].T)


def by_pydicom(path: Path) -> Signal | None:
    """Return what pydicom scales, in the file's order of leads, which is the usual one."""
    import pydicom

    return np.array(pydicom.dcmread(path).waveform_array(0).T / 1000)


def by_edfio(path: Path) -> Signal | None:
    """Return what edfio scales, in the file's order of leads, which is the usual one."""
    import edfio

    return np.stack([each.data for each in edfio.read_edf(path).signals]) / 1000


def by_h5py(path: Path) -> Signal | None:
    """Return the samples of SPH."""
    import h5py

    with h5py.File(path) as file:
        return np.array(file["ecg"][...], np.float64) if "ecg" in file else None


def as_aecg(path: Path) -> Signal | None:
    """Return the ECG of the same test files in the other format."""
    beside = path.parent.parent / "hl7_aecg" / "Example_aECG.xml"
    return formats.read({"e.xml": beside.read_bytes()}).recording.millivolts() if beside.exists() else None


SECOND: dict[str, Callable[[Path], Signal | None]] = {
    "WFDB": by_wfdb,
    "DICOM ECG": by_pydicom,
    "HDF5": by_h5py,
    "EDF": by_edfio,
    "SCP-ECG": as_aecg,
}


LIBRARIES = {"WFDB": "wfdb", "DICOM ECG": "pydicom", "HDF5": "h5py", "EDF": "edfio"}


def largest_uv(one: Signal, other: Signal | None) -> float:
    """Return the largest difference of two signals in µV, NaN where there is no other."""
    if other is None or one.shape != other.shape:
        return float("nan")
    return float(1000 * np.nanmax(np.abs(one - other)))


def limb_leads(signal_mv: Signal) -> Signal:
    """Return a signal whose III, aVR, aVL and aVF follow from I and II."""
    one, two = signal_mv[:2]
    return np.stack([one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2, *signal_mv[6:]])


def quickest_ms(work: Callable[[], T], rounds: int) -> tuple[float, T]:
    """Return the shortest time of some rounds, in processor milliseconds, and what was made."""
    times = []
    for _ in range(rounds):
        began = time.process_time()
        made = work()
        times.append(time.process_time() - began)
    return 1000 * min(times), made


def as_imported(recording: Recording) -> bytes:
    """Do what an import does with a recording that was read."""
    assert not check_usable(recording.millivolts(), recording.sampling_rate_hz)
    return encode(recording)


class Row(NamedTuple):
    """A file's row: cells, and the numbers of which a group has one row."""

    cells: str
    second_uv: float = np.nan
    limbs_uv: float = np.nan
    milliseconds: float = np.nan
    imported_ms: float = np.nan
    library_ms: float = np.nan

    def __str__(self) -> str:
        second = "–" if np.isnan(self.second_uv) else f"{self.second_uv:.3g}"
        return f"| {self.cells} | {second} | {self.limbs_uv:.2g} | {self.milliseconds:.1f} ms |"


def row(path: Path, on_disk: RecordOnDisk, rounds: int) -> Row:
    """Return the row of a file."""
    name = on_disk.file_format.name
    files = on_disk.contents()
    try:
        milliseconds, file = quickest_ms(lambda: on_disk.file_format.read(files), rounds)
    except Unreadable as error:
        return Row(f"{path.name} | {name} | refused: {error} | | | |")
    recording = file.recording
    signal_mv = recording.millivolts()
    cells = (
        path.name,
        name,
        f"{signal_mv.shape[1]:,}",
        f"{recording.sampling_rate_hz:g} Hz",
        f"{recording.duration_s:.1f} s",
        f"{np.nanmin(signal_mv):.2f} to {np.nanmax(signal_mv):.2f} mV",
        ", ".join(f"{each.source} {len((each.text or '').splitlines())}" for each in file.readings) or "–",
    )
    second, library_ms = None, np.nan
    if name in SECOND:
        library_ms, second = quickest_ms(lambda: SECOND[name](path), rounds)
    differences = largest_uv(signal_mv, second), largest_uv(signal_mv, limb_leads(signal_mv))
    usable = not check_usable(signal_mv, recording.sampling_rate_hz)
    added_ms = quickest_ms(lambda: as_imported(recording), rounds)[0] if usable else np.nan
    is_library = second is not None and name in LIBRARIES
    return Row(
        " | ".join(cells),
        *differences,
        milliseconds,
        milliseconds + added_ms,
        library_ms if is_library else np.nan,
    )


def of_all(name: str, rows: list[Row]) -> Row:
    """Return the one row of a group: the largest differences, and the mean of the times."""
    refused = sum(np.isnan(each.milliseconds) for each in rows)
    compared = sum(not np.isnan(each.second_uv) for each in rows)
    said = f"{len(rows)} files, {refused} refused, {compared} compared | {name} | | | | |"
    numbers = np.array([each[1:] for each in rows], float)
    return Row(said, np.nanmax(numbers[:, 0]), np.nanmax(numbers[:, 1]), float(np.nanmean(numbers[:, 2])))


def made(rounds: int, folder: Path) -> Iterator[tuple[str, Row]]:
    """Yield a name and the row of formats without real files, 10 s of 12 leads at 500 Hz each."""
    files = {f"WFDB {form}": record(form, signal_of(form, 5000)) for form in (*BITS, *FLAC_BITS)}
    for name, each in (files | {"EDF": {"e.edf": edf_file(simulated())}}).items():
        below = folder / name
        below.mkdir()
        for file, content in each.items():
            (below / file).write_bytes(content)
        [main] = [path for path in below.iterdir() if path.suffix in (".hea", ".edf")]
        on_disk = record_at(main)
        assert on_disk is not None
        yield name, row(main, on_disk, rounds)


def a_second(milliseconds: Sequence[float]) -> str:
    """Return how many a second, of those that took a known time."""
    known = [each for each in milliseconds if not np.isnan(each)]
    return f"{1000 * len(known) / sum(known):,.0f}" if known else "–"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--brief", action="store_true")
    options = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}")
    print("| file | format | samples | rate | duration | range | statements | second reader | limb leads | time |")
    print("|---|---|--:|--:|--:|---|---|--:|--:|--:|")
    all_rows: dict[str, list[Row]] = defaultdict(list)
    for folder in options.folders:
        rows: dict[str, list[Row]] = defaultdict(list)
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            if on_disk := record_at(path):
                rows[on_disk.file_format.name].append(row(path, on_disk, options.rounds))
        for name, each in rows.items():
            all_rows[name] += [one for one in each if not np.isnan(one.milliseconds)]
            print(*([of_all(name, each)] if options.brief and len(each) > MANY else each), sep="\n")
    print("\n| reader | files | ECGs a second, read | read, checked, encoded | the library in the same run |")
    print("|---|--:|--:|--:|---|")
    with TemporaryDirectory() as folder:
        counted = {name: (str(len(read)), read) for name, read in all_rows.items()}
        counted |= {name: ("made", [one]) for name, one in made(options.rounds, Path(folder))}
        for name, (count, read) in counted.items():
            library = LIBRARIES.get(name.split(" ")[0] if name.startswith("WFDB") else name, "")
            alone, imported, by_library = (
                a_second(each)
                for each in zip(*((one.milliseconds, one.imported_ms, one.library_ms) for one in read), strict=True)
            )
            print(f"| {name} | {count} | {alone} | {imported} | {library} {by_library} |")


if __name__ == "__main__":
    main()
