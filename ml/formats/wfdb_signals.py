"""The signal formats of WFDB (signal(5) of the WFDB manual): from a file's bytes to its samples, frame by frame.

`wfdb` reads from paths, and allocates what a header says. Here a length is compared with the bytes at hand first.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.formats import flac

Samples = NDArray[np.signedinteger[Any]]


class Packed(NamedTuple):
    """A format that stores samples one after the other.

    Attributes
    ----------
    missing
        The mark of a missing sample; None where the format has none.
    held
        Return how many samples some bytes hold.
    size
        Return how many bytes some samples take.
    unpack
        Return the first samples of bytes that hold as many.
    block
        Samples that share bytes: a file may be filled up to a whole block.
    """

    missing: int | None
    held: Callable[[int], int]
    size: Callable[[int], int]
    unpack: Callable[[memoryview, int], Samples]
    block: int = 1


def _plain(dtype: str, *, missing: int | None, zero: int = 0) -> Packed:
    """Return a format of whole bytes; what is stored is the sample plus `zero`."""
    kind = np.dtype(dtype)
    signed = np.dtype(f"i{kind.itemsize}")

    def unpack(content: memoryview, count: int) -> Samples:
        values: Samples = np.frombuffer(content, kind, count)
        if zero:
            values = (values ^ kind.type(zero)).view(signed)  # in offset binary only the first bit differs
        return values

    return Packed(missing, lambda held: held // kind.itemsize, lambda count: count * kind.itemsize, unpack)


def _unpack_24(content: memoryview, count: int) -> Samples:
    wide = np.zeros((count, 4), np.uint8)
    wide[:, 1:] = np.frombuffer(content, np.uint8, 3 * count).reshape(count, 3)
    samples: Samples = wide.view("<i4").reshape(count) >> 8
    return samples


def _unpack_212(content: memoryview, count: int) -> Samples:
    """Two samples of 12 bits in three bytes; the second byte has the high bits of both."""
    low, middle, high = _blocks(content, count, samples=2, size=3).astype(np.uint16).T
    return _narrow(np.stack([low | (middle & 0x0F) << 8, high | (middle & 0xF0) << 4], axis=1), 12, count)


def _unpack_310(content: memoryview, count: int) -> Samples:
    """Three samples of 10 bits in two words: one in each, without its lowest bit, and one in what is left of both."""
    one, two = _blocks(content, count, samples=3, size=4).view("<u2").T
    return _narrow(np.stack([one >> 1, two >> 1, one >> 11 | two >> 11 << 5], axis=1), 10, count)


def _unpack_311(content: memoryview, count: int) -> Samples:
    """Three samples of 10 bits in one word of 32 bits, the lowest first."""
    word = _blocks(content, count, samples=3, size=4).view("<u4")[:, 0]
    return _narrow(np.stack([word, word >> 10, word >> 20], axis=1).astype(np.uint16), 10, count)


def _blocks(content: memoryview, count: int, *, samples: int, size: int) -> NDArray[np.uint8]:
    """Return whole blocks of bytes, (blocks, size), the last one filled up with zeros."""
    blocks = -(-count // samples)
    whole = np.zeros(blocks * size, np.uint8)
    given = np.frombuffer(content, np.uint8)[: len(whole)]
    whole[: len(given)] = given
    return whole.reshape(blocks, size)


def _narrow(values: NDArray[np.uint16], bits: int, count: int) -> Samples:
    """Return the first samples of numbers in two's complement of some bits, (count,) int16."""
    samples: Samples = (values.reshape(-1)[:count] << (16 - bits)).view(np.int16) >> (16 - bits)
    return samples


_IN_A_WORD = {  # samples that the rest of a block holds, and bytes that the first samples of a block take
    "310": ((0, 0, 1, 1), (0, 2, 4)),
    "311": ((0, 0, 1, 2), (0, 2, 3)),
}


def _in_words(name: str, unpack: Callable[[memoryview, int], Samples]) -> Packed:
    """Return a format of three samples in four bytes."""
    held, size = _IN_A_WORD[name]
    return Packed(
        -512, lambda given: given // 4 * 3 + held[given % 4], lambda count: count // 3 * 4 + size[count % 3], unpack, 3
    )


DIFFERENCES = "8"
"""The format of first differences: the first of a signal is added to the header's first sample."""

PACKED = {
    DIFFERENCES: _plain("i1", missing=None),
    "16": _plain("<i2", missing=-(2**15)),
    "24": Packed(-(2**23), lambda given: given // 3, lambda count: 3 * count, _unpack_24),
    "32": _plain("<i4", missing=-(2**31)),
    "61": _plain(">i2", missing=-(2**15)),
    "80": _plain("u1", missing=-(2**7), zero=2**7),
    "160": _plain("<u2", missing=-(2**15), zero=2**15),
    "212": Packed(-(2**11), lambda given: given * 2 // 3, lambda count: -(-count * 3 // 2), _unpack_212, 2),
    "310": _in_words("310", _unpack_310),
    "311": _in_words("311", _unpack_311),
}
"""Formats by their numbers, but for those that are FLAC."""

FLAC_MISSING = {"508": -(2**7), "516": -(2**15), "524": -(2**23)}
"""Formats whose files are FLAC streams of at most 8, 16 and 24 bits, and their marks of a missing sample."""


class BadSignalFile(ValueError):
    """A signal file cannot be read; `code` says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class SignalFile(NamedTuple):
    """A signal file whose length is known.

    Attributes
    ----------
    missing
        The mark of a missing sample, None where the format has none.
    frames
        How many whole frames it holds.
    is_whole
        Whether the file ends with a frame.
    columns
        Return the samples of each signal, (frames · samples a frame,), for as many frames.
    only_zeros_after
        Return whether nothing but zeros comes after as many frames.
    """

    missing: int | None
    frames: int
    is_whole: bool
    columns: Callable[[int], list[Samples]]
    only_zeros_after: Callable[[int], bool]


def signal_file(content: bytes, number: str, *, offset: int, widths: Sequence[int]) -> SignalFile:
    """Return a signal file of a format; `widths` are the samples a frame of its signals. Raises `BadSignalFile`."""
    if number in FLAC_MISSING:
        return _flac_file(content, number, offset, widths)
    if number not in PACKED:
        raise BadSignalFile("unsupported_format", f"WFDB has no signal format {number[:3]}")
    packed, width = PACKED[number], sum(widths)
    available = max(0, len(content) - offset)
    frames = packed.held(available) // width
    left = available - packed.size(frames * width)
    edges = np.cumsum([0, *widths])

    def columns(wanted: int) -> list[Samples]:
        samples = packed.unpack(memoryview(content)[offset:], wanted * width).reshape(wanted, width)
        return [samples[:, begin:end].reshape(-1) for begin, end in pairwise(edges.tolist())]

    def only_zeros_after(wanted: int) -> bool:
        end = offset + packed.size(wanted * width)
        return content.count(0, end) == len(content) - end

    is_whole = not left or (packed.block > 1 and left < packed.size(packed.block))
    return SignalFile(packed.missing, frames, is_whole, columns, only_zeros_after)


def _flac_file(content: bytes, number: str, offset: int, widths: Sequence[int]) -> SignalFile:
    """Return a FLAC file: a channel is a signal, whatever its samples a frame; an offset is one in samples."""
    try:
        stream = flac.decode(content, int(number) - 500)[offset:]
    except flac.BadFlac as error:
        raise BadSignalFile("bad_signal_file", str(error)) from error
    if len(set(widths)) > 1 or stream.shape[1] != len(widths):
        raise BadSignalFile("bad_signal_file", "a FLAC file has other channels than the header has signals in it")
    frames, rest = divmod(len(stream), widths[0])
    return SignalFile(
        FLAC_MISSING[number],
        frames,
        not rest,
        lambda wanted: list(stream[: wanted * widths[0]].T),
        lambda wanted: not stream[wanted * widths[0] :].any(),
    )
