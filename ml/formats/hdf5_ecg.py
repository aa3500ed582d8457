"""HDF5 as two public collections of ECGs use it: SPH (Shandong, 500 Hz) and CODE (Minas Gerais, 400 Hz).

h5py reads the structure of the file. Its parts are taken out here, one chunk at a time and within bounds, because the
library inflates whatever a chunk holds. Neither file says a unit, a rate or its leads: they are those of the
collection, and the limb leads must be what Einthoven and Goldberger say of one another. Values of SPH are millivolt.
The unit of CODE is not known: its authors write of "the scale 1e-4V" and of a factor of 1000, which contradict each
other; they are taken for millivolt, and the recording says that its scale is not known.
"""

import re
import zlib
from collections.abc import Iterator, Mapping
from functools import cache
from io import BytesIO
from itertools import product
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.formats.channels import Channel, Stored
from ml.formats.ecg_file import EcgFile
from ml.formats.format import Format, only_file
from ml.formats.recording import LEADS, MISSING, Recording, Unreadable, unreadable

if TYPE_CHECKING:
    import h5py

MAX_HDF5_BYTES = 2**23  # 8 MiB; an ECG has 0.1 to 0.4 MB
MAX_STORED_BYTES = 2**25  # of the samples, after they were decompressed: 3 minutes at 1 kHz in 8 bytes
MAX_CHUNKS = 10_000
MAX_ECGS = 1_000_000  # in a file of many

_MARK = b"\x89HDF\r\n\x1a\n"
_DEFLATE, _SHUFFLE, _FLETCHER32 = 1, 2, 3  # filters by their numbers in HDF5
_CHECKSUM_BYTES = 4
_NUMBER = re.compile(r"\d{1,12}", re.ASCII)
_FINEST = 24  # steps of 2**-24 mV hold every 16-bit number, and others to 0.00003 µV
_LARGEST_MV = 64
_CHEST = LEADS[6:]
_STANDARD = LEADS
_AVL_FIRST = ("I", "II", "III", "aVL", "aVF", "aVR", *_CHEST)  # CODE-test, by its description
_ENOUGH = 1_000  # samples of a lead that show its order
_UNLIKE = 0.25  # of the size of the limb leads: what they may differ from Einthoven's and Goldberger's


class _Collection(NamedTuple):
    """A collection: its dataset's name, rate, axis of the leads, orders of them, and whether its unit is known."""

    dataset: str
    rate_hz: float
    lead_axis: int
    orders: tuple[tuple[str, ...], ...]
    is_padded: bool
    is_calibrated: bool


_SPH = _Collection("ecg", 500.0, 0, (_STANDARD,), is_padded=False, is_calibrated=True)
_CODE = _Collection("tracings", 400.0, -1, (_STANDARD, _AVL_FIRST), is_padded=True, is_calibrated=False)


def read_hdf5(files: Mapping[str, bytes]) -> EcgFile:
    """Return what a file of SPH or CODE holds. Raises `Unreadable`."""
    content = only_file(files, is_hdf5, FORMAT.name)
    if len(content) > MAX_HDF5_BYTES:
        raise unreadable("too_large", f"an HDF5 file may have {MAX_HDF5_BYTES:,} bytes; store each ECG by itself")
    try:
        with _opened(content) as file:
            return EcgFile(_recording(file, len(content)))
    except Unreadable:
        raise
    except Exception as error:  # h5py raises all kinds where a file is damaged
        raise unreadable("bad_hdf5", f"the HDF5 file is damaged ({type(error).__name__})") from error


def one_of(path: Path, name: str) -> bytes:
    """Return the file of one ECG, taken out of a file of CODE that holds many: by its `exam_id`, or else its place.

    Only the chunks that hold it are read. Raises `Unreadable`, and `OSError` where the file cannot be opened.
    """
    length = path.stat().st_size
    try:
        with _h5py().File(path, "r", locking=False) as file:
            tracings = _dataset(file, _CODE.dataset)
            if tracings is None or tracings.ndim != 3 or tracings.shape[2] != len(LEADS):
                raise unreadable("unknown_layout", "an HDF5 file of many ECGs needs the dataset `tracings` of CODE")
            signal = _stored(tracings, length, _row(file, name, tracings.shape[0]))
    except Unreadable:
        raise
    except Exception as error:
        raise unreadable("bad_hdf5", f"the HDF5 file is damaged ({type(error).__name__})") from error
    written = BytesIO()
    with _h5py().File(written, "w") as file:
        file.create_dataset(_CODE.dataset, data=signal)
    return written.getvalue()


def _row(file: "h5py.File", name: str, count: int) -> int:
    """Return which of the ECGs of a file has a name."""
    numbers = _dataset(file, "exam_id")
    if not _NUMBER.fullmatch(name):
        raise unreadable("missing_part", "an ECG in an HDF5 file is named by its number")
    if numbers is None:
        found = [int(name)] if int(name) < count else []
    else:
        if numbers.dtype.kind not in "iu" or numbers.shape != (count,) or count > MAX_ECGS:
            raise unreadable("unknown_layout", f"`exam_id` must be a number for each of at most {MAX_ECGS:,} ECGs")
        found = np.flatnonzero(_stored(numbers, MAX_ECGS * 8) == int(name)).tolist()
    if len(found) != 1:
        raise unreadable("missing_part", f"the file holds {len(found)} ECGs of this number")
    return int(found[0])


def _dataset(file: "h5py.File", name: str) -> "h5py.Dataset | None":
    """Return a dataset of the file itself; None where there is none, or a link. Raises `Unreadable`."""
    if not isinstance(file.get(name, getlink=True), _h5py().HardLink):
        return None
    found = file[name]
    if not isinstance(found, _h5py().Dataset):
        raise unreadable("unknown_layout", f"`{name}` is no dataset")
    return found


def is_hdf5(head: bytes) -> bool:
    """Return whether the first bytes of a file are those of an HDF5 file."""
    return head.startswith(_MARK)


@cache
def _h5py() -> Any:
    import h5py

    return h5py


def _opened(content: bytes) -> "h5py.File":
    """Return a file that lies in memory; the name is of nothing, and nothing is written."""
    h5py = _h5py()
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fapl_core(backing_store=False)
    access.set_file_image(content)
    return h5py.File(h5py.h5f.open(b"in memory", h5py.h5f.ACC_RDONLY, access))


def _recording(file: "h5py.File", length: int) -> Recording:
    for collection in (_SPH, _CODE):
        if (dataset := _dataset(file, collection.dataset)) is not None:
            if dataset.ndim == 3 and dataset.shape[0] != 1:
                raise unreadable("record_count", f"the file holds {dataset.shape[0]:,} ECGs; store each by itself")
            if dataset.dtype.kind != "f":
                raise unreadable("unknown_layout", "the samples must be floating-point numbers")
            signal_mv = _stored(dataset, length)
            break
    else:
        raise unreadable("unknown_layout", "an HDF5 file needs the dataset `ecg` (SPH) or `tracings` (CODE)")
    if signal_mv.ndim == 3 and collection is _CODE:
        signal_mv = signal_mv[0]
    if signal_mv.ndim != 2 or signal_mv.shape[collection.lead_axis] != len(LEADS):
        raise unreadable("unknown_layout", f"`{collection.dataset}` does not have the twelve leads of its collection")
    signal_mv = signal_mv if collection.lead_axis == 0 else signal_mv.T
    if collection.is_padded:
        signal_mv = _without_padding(signal_mv)
    if np.isinf(signal_mv).any() or not signal_mv.size or np.nanmax(np.abs(signal_mv), initial=0) > _LARGEST_MV:
        raise unreadable("bad_samples", f"samples must be numbers of at most {_LARGEST_MV} mV, and there must be some")
    samples, gain = _integers(signal_mv)
    stored = Stored()
    for lead, column in zip(_order(signal_mv, collection.orders), samples, strict=True):
        stored.add(lead, Channel(column, gain, collection.is_calibrated))
    return stored.recording(collection.rate_hz)


def _stored(dataset: "h5py.Dataset", length: int, row: int | None = None) -> NDArray[np.float64]:
    """Return the numbers of a dataset, with its shape; of one row, with 1 as its first extent.

    Nothing is allocated that the file does not hold; nothing but the row's chunks is read.
    """
    if dataset.dtype.kind not in "fiu" or not 0 < dataset.ndim <= 3:
        raise unreadable("unknown_layout", "the samples must be floating-point numbers in 2 or 3 dimensions")
    if dataset.is_virtual or dataset.external:
        raise unreadable("external_data", "samples that lie in another file are not read")
    size = dataset.dtype.itemsize
    shape = dataset.shape if row is None else (1, *dataset.shape[1:])
    first = 0 if row is None else row
    if prod(shape) * size > MAX_STORED_BYTES:
        raise unreadable("too_long", f"an ECG may have {MAX_STORED_BYTES:,} bytes of samples")
    if dataset.chunks is None:
        if dataset.id.get_storage_size() < prod(dataset.shape) * size:
            raise unreadable("wrong_length", "the file does not hold all samples")
        with np.errstate(invalid="ignore"):
            return np.asarray(dataset[first : first + shape[0]], np.float64)
    whole = np.zeros(shape, np.float64)
    for place, chunk in _chunks(dataset, length, range(first, first + shape[0])):
        begins = (place[0] - first, *place[1:])
        part = tuple(slice(max(begin, 0), begin + count) for begin, count in zip(begins, chunk.shape, strict=True))
        target = whole[part]
        skipped = max(-begins[0], 0)
        with np.errstate(invalid="ignore"):  # some of the numbers that are none are reported when they are copied
            target[...] = chunk[skipped:][tuple(slice(count) for count in target.shape)]
    return whole


def _chunks(dataset: "h5py.Dataset", length: int, rows: range) -> Iterator[tuple[tuple[int, ...], NDArray[Any]]]:
    """Yield the chunks of a dataset that hold some rows, and where they begin."""
    shape, dtype = dataset.chunks, dataset.dtype
    size = prod(shape) * dtype.itemsize
    counts = [range(-(-extent // count)) for extent, count in zip(dataset.shape, shape, strict=True)]
    counts[0] = range(rows.start // shape[0], -(-rows.stop // shape[0]))
    number_of = prod(map(len, counts))
    if not 0 < size <= MAX_STORED_BYTES or number_of > MAX_CHUNKS or number_of * size > 2 * MAX_STORED_BYTES:
        raise unreadable("too_long", "the chunks of the samples are too many, or too large")
    properties = dataset.id.get_create_plist()
    filters = [int(properties.get_filter(number)[0]) for number in range(properties.get_nfilters())]
    if len(set(filters)) < len(filters) or not {_DEFLATE, _SHUFFLE, _FLETCHER32}.issuperset(filters):
        raise unreadable("unsupported_compression", "chunks are read with gzip, shuffle and Fletcher-32")
    for number in product(*counts):
        place = tuple(step * count for step, count in zip(number, shape, strict=True))
        info = dataset.id.get_chunk_info_by_coord(place)
        if info.byte_offset is None or not 0 < info.size <= length:
            raise unreadable("wrong_length", "the file does not hold all samples")
        skipped, content = dataset.id.read_direct_chunk(place)
        used = [each for position, each in enumerate(filters) if not skipped >> position & 1]
        yield place, np.frombuffer(_unfiltered(content, used, size, dtype.itemsize), dtype).reshape(shape)


def _unfiltered(content: bytes, filters: list[int], size: int, width: int) -> bytes:
    """Return the content of a chunk before the filters, which are undone from the last to the first."""
    for each in reversed(filters):
        if each == _DEFLATE:
            content = zlib.decompressobj().decompress(content, size + _CHECKSUM_BYTES + 1)
        elif each == _FLETCHER32:
            content = content[:-_CHECKSUM_BYTES]
        elif len(content) == size:
            content = np.frombuffer(content, np.uint8).reshape(width, -1).T.tobytes()
    if len(content) != size:
        raise unreadable("wrong_length", "a chunk of samples has another length than the file says")
    return content


def _without_padding(signal_mv: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a signal without the samples at both ends that are zero in all leads: CODE fills up to 4,096."""
    [recorded] = np.nonzero((signal_mv != 0).any(axis=0))
    return signal_mv[:, recorded[0] : recorded[-1] + 1] if len(recorded) else signal_mv[:, :0]


def _order(signal_mv: NDArray[np.float64], orders: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    """Return the order in which the leads make sense: III is II - I, and aVR, aVL and aVF follow, too."""
    some = signal_mv[:6, :: -(-signal_mv.shape[1] // _ENOUGH)]
    limbs = np.nan_to_num(some - np.nanmean(some, axis=1, keepdims=True))
    size = np.sqrt(np.mean(limbs**2))
    unlike = {}
    for order in orders:
        one, two, three, avr, avl, avf = (limbs[order.index(lead)] for lead in LEADS[:6])
        wrong = np.stack([two - one - three, (one + two) / 2 + avr, (one - three) / 2 - avl, (two + three) / 2 - avf])
        unlike[order] = float(np.sqrt(np.mean(wrong**2)))
    best = min(orders, key=unlike.__getitem__)
    if unlike[best] > _UNLIKE * size:
        raise unreadable(
            "unknown_leads", "the limb leads are not in an order that is known: they contradict each other"
        )
    return best


def _integers(signal_mv: NDArray[np.float64]) -> tuple[NDArray[np.int32], float]:
    """Return a signal as integers, and how many make a millivolt: the fewest that lose nothing, if any do."""
    absent = np.isnan(signal_mv)
    has_gaps = bool(absent.any())
    steps = np.where(absent, 0.0, signal_mv) * 2.0**_FINEST if has_gaps else signal_mv * 2.0**_FINEST
    fine = np.rint(steps, out=steps).astype(np.int32)  # 64 mV are 2**30 steps
    used = int(np.bitwise_or.reduce(fine, axis=None))
    unused = min((used & -used).bit_length() - 1, _FINEST) if used else _FINEST
    fine >>= unused
    if has_gaps:
        fine[absent] = MISSING
    return fine, 2.0 ** (_FINEST - unused)


FORMAT = Format(
    name="HDF5",
    main_ending=".h5",
    other_endings=(".hdf5",),
    recognises=is_hdf5,
    names=lambda main: (),
    read=read_hdf5,
    ending_decides=False,
    memory=60,
)
