"""XLI, the compression of waveforms in Philips XML.

Known from the open readers of sierra-ecg-tools (C. Watford), which agree but for one thing: where half a sum is no
whole number, those in C, C# and Java round towards zero, and so do the devices (what is stored of aVR differs from the
prediction by 0 or 1 above zero, and by 0 or -1 below); those in Python and JavaScript round down, 1 unit off.
"""

import struct

import numpy as np
from numpy.typing import NDArray

_CHUNK = struct.Struct("<ihh")  # bytes that follow, a number without a known meaning, the first difference
_CODE_BITS = 10
_LAST_CODE = 2**_CODE_BITS - 2  # the one after it ends a chunk
_PREDICTED = 64  # what is added to a second difference


class BadXli(ValueError):
    """The bytes are no XLI of as many leads and samples."""


def decompress(content: bytes, leads: int, samples: int) -> list[NDArray[np.int32]]:
    """Return the first leads of a waveform, (samples,) int32 each: limb leads three to six are still differences."""
    found: list[NDArray[np.int32]] = []
    place = 0
    while len(found) < leads:
        if len(content) - place < _CHUNK.size:
            raise BadXli(f"it holds {len(found)} leads")
        size, _, first = _CHUNK.unpack_from(content, place)
        place += _CHUNK.size
        if not 0 < size <= len(content) - place:
            raise BadXli(f"lead {len(found) + 1} ends early")
        found.append(_lead(content[place : place + size], first, samples))
        place += size
    return found


def with_limb_leads(six: list[NDArray[np.int32]]) -> list[NDArray[np.int32]]:
    """Return I, II, III, aVR, aVL and aVF, of which the last four are stored as differences from what I and II say."""
    one, two, *stored = six
    three = two - one - stored[0]
    avr = -stored[1] - _half(one + two)
    avl = _half(one - three) - stored[2]
    avf = _half(two + three) - stored[3]
    return [one, two, three, avr, avl, avf]


def _half(sums: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return half of each number, rounded towards zero."""
    halves: NDArray[np.int32] = (np.sign(sums) * (np.abs(sums) // 2)).astype(np.int32)
    return halves


def _lead(chunk: bytes, first: int, samples: int) -> NDArray[np.int32]:
    """Return a lead: high bytes, then low bytes, of two samples and the second differences of the others."""
    unpacked = np.frombuffer(_lzw(chunk, 2 * samples), np.uint8).reshape(2, samples).astype(np.uint16)
    stored = ((unpacked[0] << 8) | unpacked[1]).view(np.int16).astype(np.int64)
    bends = np.concatenate([[first], stored[2:-1] - _PREDICTED])
    steps = np.concatenate([[stored[1] - stored[0]], -bends]).cumsum()
    values = stored[0] + np.concatenate([[0], steps]).cumsum()
    wrapped: NDArray[np.int32] = values.astype(np.int16).astype(np.int32)  # the device counts in 16 bits
    return wrapped


def _lzw(chunk: bytes, length: int) -> bytes:
    """Return exactly `length` bytes of LZW with codes of 10 bits, the most significant first."""
    bits = np.unpackbits(np.frombuffer(chunk, np.uint8))
    whole = len(bits) // _CODE_BITS * _CODE_BITS
    codes = bits[:whole].reshape(-1, _CODE_BITS) @ (1 << np.arange(_CODE_BITS)[::-1])
    table = [bytes([value]) for value in range(256)]
    found: list[bytes] = []
    left, previous = length, b""
    for code in codes.tolist():
        if code > _LAST_CODE or left <= 0:
            break
        if code < len(table):
            string = table[code]
        elif code == len(table) and previous:
            string = previous + previous[:1]
        else:
            raise BadXli("a code stands for nothing")
        if previous and len(table) <= _LAST_CODE:
            table.append(previous + string[:1])
        found.append(string)
        left -= len(string)
        previous = string
    if left:
        raise BadXli("a lead has another length than the file says")
    return b"".join(found)
