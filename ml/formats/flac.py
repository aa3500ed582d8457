"""FLAC streams (RFC 9639), in which WFDB keeps signals of formats 508, 516 and 524.

The lengths of all codes of a partition are found first, one after the other; then all its numbers are taken out at
once. The stream's own MD5 of the samples is verified where it is given.
"""

import hashlib
from operator import mul
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ALLOWANCE = 2_000_000  # samples of all channels that may be stored in fewer bytes than samples

_HEAD_BYTES = 42  # the mark, and the first block of metadata with its head
_SYNC = 0b11_1111_1111_1110
_BLOCK_SIZES = {
    1: 192,
    **{code: 576 << (code - 2) for code in range(2, 6)},
    **{c: 256 << (c - 8) for c in range(8, 16)},
}
_SAMPLE_BITS = {1: 8, 2: 12, 4: 16, 5: 20, 6: 24, 7: 32}
_LEFT_SIDE, _SIDE_RIGHT, _MID_SIDE = 8, 9, 10


class BadFlac(ValueError):
    """The bytes are no FLAC stream that can be used."""


class _Stream(NamedTuple):
    """What the head of a stream says; `samples` of a channel is 0 where it does not say."""

    channels: int
    bits: int
    samples: int
    md5: bytes
    begins: int


class _Bits:
    """Bits of a piece of a stream, as bytes that are 0 or 1, and the place up to which they are read."""

    def __init__(self, content: bytes) -> None:
        self.array = np.unpackbits(np.frombuffer(content, np.uint8))
        self.text = self.array.tobytes()
        self.place = 0

    def take(self, count: int) -> int:
        """Return an unsigned number of some bits."""
        self.place += count
        if self.place > len(self.text):
            raise BadFlac("a frame ends early")
        return int(self.text[self.place - count : self.place].translate(_DIGITS) or b"0", 2)

    def signed(self, count: int) -> int:
        """Return a number in two's complement."""
        value = self.take(count)
        return value - (1 << count) if count and value >> (count - 1) else value

    def zeros(self) -> int:
        """Return how many zeros come before the next one, and pass it."""
        found = self.text.find(1, self.place)
        if found < 0:
            raise BadFlac("a frame ends early")
        count, self.place = found - self.place, found + 1
        return count

    def numbers(self, count: int, width: int) -> NDArray[np.int64]:
        """Return numbers in two's complement that follow one another."""
        self.place += count * width
        if self.place > len(self.text):
            raise BadFlac("a frame ends early")
        if not width:
            return np.zeros(count, np.int64)
        rows = self.array[self.place - count * width : self.place].reshape(count, width)
        values = rows @ (1 << np.arange(width, dtype=np.int64)[::-1])
        signed: NDArray[np.int64] = np.where(rows[:, 0] == 1, values - (1 << width), values)
        return signed

    def rice(self, count: int, low_bits: int) -> NDArray[np.int64]:
        """Return numbers in Rice code: zeros, a one, and `low_bits` bits, zigzag."""
        ones, place, text = [], self.place, self.text
        for _ in range(count):
            one = text.find(1, place)
            if one < 0:
                raise BadFlac("a frame ends early")
            ones.append(one)
            place = one + 1 + low_bits
        if place > len(text):
            raise BadFlac("a frame ends early")
        found = np.array(ones, np.int64)
        begins = np.concatenate([[self.place], found[:-1] + 1 + low_bits])[:count]
        folded = found - begins
        for bit in range(low_bits):
            folded = (folded << 1) | self.array[found + 1 + bit]
        self.place = place
        unfolded: NDArray[np.int64] = (folded >> 1) ^ -(folded & 1)
        return unfolded


_DIGITS = bytes([48, 49]) + bytes(254)


def decode(content: bytes, most_bits: int) -> NDArray[np.int32]:
    """Return the samples of a stream of at most 24 bits, (samples, channels) int32.

    Raises `BadFlac`, also for a stream of far more samples than bytes (`ALLOWANCE`).
    """
    stream = _stream(content)
    if stream.bits > most_bits:
        raise BadFlac(f"a FLAC file has samples of more than {most_bits} bits")
    most = (len(content) + ALLOWANCE) // stream.channels
    if stream.samples > most:
        raise BadFlac("a FLAC file holds too many samples for its length")
    blocks: list[NDArray[np.int64]] = []
    place, found = stream.begins, 0
    while place < len(content) and (not stream.samples or found < stream.samples):
        block, place = _frame(content, place, stream)
        blocks.append(block.astype(np.int32))
        found += block.shape[1]
        if found > most:
            raise BadFlac("a FLAC file holds too many samples for its length")
    if (stream.samples and found != stream.samples) or not blocks:
        raise BadFlac("a FLAC file holds another number of samples than it says")
    whole = np.ascontiguousarray(np.concatenate(blocks, axis=1).T).astype(np.int32)
    if any(stream.md5) and _md5(whole, stream.bits) != stream.md5:
        raise BadFlac("the samples of a FLAC file do not have its MD5")
    return whole


def _stream(content: bytes) -> _Stream:
    """Return what the first block of metadata says, and where the frames begin."""
    if len(content) < _HEAD_BYTES or content[:4] != b"fLaC" or content[4] & 0x7F:
        raise BadFlac("a signal file in a FLAC format is no FLAC file")
    place, last = 4, False
    while not last:
        if place + 4 > len(content):
            raise BadFlac("the head of a FLAC file ends early")
        last = bool(content[place] & 0x80)
        place += 4 + int.from_bytes(content[place + 1 : place + 4], "big")
    packed = int.from_bytes(content[18:26], "big")
    bits = (packed >> 36 & 31) + 1
    return _Stream((packed >> 41 & 7) + 1, bits, packed & ((1 << 36) - 1), content[26:42], place)


def _frame(content: bytes, begins: int, stream: _Stream) -> tuple[NDArray[np.int64], int]:
    """Return the samples of a frame, (channels, block), and where the next one begins."""
    head = _Bits(content[begins : begins + 16])
    if head.take(14) != _SYNC or head.take(1):
        raise BadFlac("a FLAC frame is damaged")
    head.take(1)
    size_code, rate_code, assignment, bits_code = head.take(4), head.take(4), head.take(4), head.take(3)
    head.take(1)
    more = f"{head.take(8):08b}".find("0")  # the frame's number, written as UTF-8 writes characters
    head.take(8 * max(0, more - 1) if more >= 0 else 56)
    size = head.take(8 * (size_code - 5)) + 1 if size_code in (6, 7) else _BLOCK_SIZES.get(size_code, 0)
    head.take({12: 8, 13: 16, 14: 16}.get(rate_code, 0) + 8)
    channels = 2 if assignment in (_LEFT_SIDE, _SIDE_RIGHT, _MID_SIDE) else assignment + 1
    if not size or channels != stream.channels or _SAMPLE_BITS.get(bits_code, stream.bits) != stream.bits:
        raise BadFlac("a FLAC frame differs from its stream")
    begins += head.place // 8
    longest = channels * (size * (stream.bits + 1) // 4 + 400)  # twice what it takes without compression
    bits = _Bits(content[begins : begins + longest])
    found = []
    for channel in range(channels):
        side = (assignment in (_LEFT_SIDE, _MID_SIDE) and channel == 1) or (assignment == _SIDE_RIGHT and channel == 0)
        found.append(_subframe(bits, size, stream.bits + side))
    ends = begins + (bits.place + 7) // 8 + 2  # a CRC
    if ends > len(content):
        raise BadFlac("a frame ends early")
    return np.stack(_apart(found, assignment)), ends


def _apart(channels: list[NDArray[np.int64]], assignment: int) -> list[NDArray[np.int64]]:
    """Return left and right, where a frame has one of them and their difference, or their mean."""
    if assignment < _LEFT_SIDE:
        return channels
    one, two = channels
    if assignment == _LEFT_SIDE:
        return [one, one - two]
    if assignment == _SIDE_RIGHT:
        return [one + two, two]
    twice = (one << 1) | (two & 1)
    return [(twice + two) >> 1, (twice - two) >> 1]


def _subframe(bits: _Bits, size: int, width: int) -> NDArray[np.int64]:
    """Return the samples of a channel in one frame."""
    if bits.take(1):
        raise BadFlac("a FLAC frame is damaged")
    kind, wasted = bits.take(6), 0
    if bits.take(1):
        wasted = bits.zeros() + 1
        width -= wasted
    if width <= 0:
        raise BadFlac("a FLAC frame is damaged")
    if kind == 0:
        samples = np.full(size, bits.signed(width), np.int64)
    elif kind == 1:
        samples = bits.numbers(size, width)
    elif 8 <= kind <= 12 and kind - 8 <= size:
        samples = _fixed(bits.numbers(kind - 8, width), _residual(bits, size, kind - 8))
    elif kind >= 32 and kind - 31 <= size:
        samples = _linear(bits, size, kind - 31, width)
    else:
        raise BadFlac("a FLAC frame is of an unknown kind")
    if int(samples.max()) >> (width - 1) > 0 or int(samples.min()) >> (width - 1) < -1:
        raise BadFlac("a FLAC frame holds a sample that is too large")
    return samples << wasted


def _residual(bits: _Bits, size: int, order: int) -> NDArray[np.int64]:
    """Return what is left of a subframe's samples after the prediction, without the first `order`."""
    method = bits.take(2)
    partitions = 1 << bits.take(4)
    each, width = size // partitions, 4 + method
    if method > 1 or size % partitions or each < order:
        raise BadFlac("a FLAC frame is damaged")
    found = []
    for partition in range(partitions):
        count = each - (order if partition == 0 else 0)
        low_bits = bits.take(width)
        if low_bits == (1 << width) - 1:
            found.append(bits.numbers(count, bits.take(5)))
        else:
            found.append(bits.rice(count, low_bits))
    return np.concatenate(found)


def _fixed(first: NDArray[np.int64], residual: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return samples whose differences, as often as there are first samples, are the residual."""
    rest = residual
    for order in range(len(first) - 1, -1, -1):
        rest = np.diff(first, order)[-1] + rest.cumsum()
    return np.concatenate([first, rest])


def _linear(bits: _Bits, size: int, order: int, width: int) -> NDArray[np.int64]:
    """Return samples that are each predicted from the `order` before."""
    samples = bits.numbers(order, width).tolist()
    precision = bits.take(4) + 1
    shift = bits.signed(5)
    if precision > 15 or shift < 0:
        raise BadFlac("a FLAC frame is damaged")
    factors = bits.numbers(order, precision)[::-1].tolist()
    highest = 1 << (width - 1)
    for place, left in enumerate(_residual(bits, size, order).tolist()):
        sample = left + (sum(map(mul, factors, samples[place:])) >> shift)
        if not -highest <= sample < highest:  # before numbers grow without end
            raise BadFlac("a FLAC frame holds a sample that is too large")
        samples.append(sample)
    return np.array(samples, np.int64)


def _md5(samples: NDArray[np.int32], bits: int) -> bytes:
    width = (bits + 7) // 8
    stored = samples.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :width]
    return hashlib.md5(stored.tobytes(), usedforsecurity=False).digest()
