"""Huffman codes of SCP-ECG (EN 1064, 5.5): the default table, or tables of the file's own, of which a code may change.

Where each code begins is found first; then all numbers are taken out at once.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LONGEST_PREFIX = 16
MAX_TABLES = 8

_LONGEST_CODE = 48
_DOUBLINGS = 3


class BadHuffman(ValueError):
    """The bytes are no Huffman code of as many numbers."""


class Structure(NamedTuple):
    """A line of a table: a prefix, its bits and the bits of the whole code, and the number it stands for.

    What follows the prefix is added to `base`, as a number in two's complement. `prefix` has the bit that is read first
    as its lowest. Where `switches`, the code stands for no number: the table with the number `base` is used from there.
    """

    prefix_bits: int
    code_bits: int
    switches: bool
    base: int
    prefix: int


Table = Sequence[Structure]

DEFAULT: Table = (
    Structure(1, 1, False, 0, 0),
    *(
        Structure(size + 2, size + 2, False, sign * size, (1 << size) - 1 | (sign < 0) << (size + 1))
        for size in range(1, 9)
        for sign in (1, -1)
    ),
    Structure(10, 18, False, 0, (1 << 9) - 1),
    Structure(10, 26, False, 0, (1 << 10) - 1),
)


class Decoder:
    """Decodes leads with the tables of a file. Raises `BadHuffman` where a table cannot be used."""

    def __init__(self, tables: Sequence[Table]) -> None:
        if not 0 < len(tables) <= MAX_TABLES:
            raise BadHuffman(f"1 to {MAX_TABLES} Huffman tables can be used")
        self._structures = [structure for table in tables for structure in table]
        self._first = np.cumsum([0, *(len(table) for table in tables)])
        self._width = max((structure.prefix_bits for structure in self._structures), default=0)
        for each in self._structures:
            if not (0 < each.prefix_bits <= min(LONGEST_PREFIX, each.code_bits) and each.code_bits <= _LONGEST_CODE):
                raise BadHuffman("a Huffman table has a code of a length that cannot be used")
            if each.switches and not 0 < each.base <= len(tables):
                raise BadHuffman("a Huffman table changes to one that is not there")
        self._lookup = [self._filled(number, table) for number, table in enumerate(tables)]
        self._sizes = np.array([each.code_bits for each in self._structures] + [0])
        self._bases = np.array([each.base for each in self._structures])
        self._room = np.empty((_DOUBLINGS + 1, 0), np.int64)  # made once for all leads
        self._next = [each.base - 1 if each.switches else None for each in self._structures]

    def _filled(self, number: int, table: Table) -> NDArray[np.int64]:
        """Return for all bits that may come next which structure they begin; -1, the one of size 0, for none."""
        found = np.full(1 << self._width, -1, np.int64)
        for place in range(len(table) - 1, -1, -1):
            each = table[place]
            read = int(f"{each.prefix:0{each.prefix_bits}b}"[::-1][: each.prefix_bits], 2)
            rest = self._width - each.prefix_bits
            found[read << rest : (read + 1) << rest] = self._first[number] + place
        return found

    def decode(self, content: bytes, count: int) -> NDArray[np.int64]:
        """Return the first numbers of some bytes."""
        windows = self._windows(content)
        places, kinds = self._places(windows, count)
        numbers = self._bases[kinds]
        bits = np.unpackbits(np.frombuffer(content + bytes(_LONGEST_CODE // 8), np.uint8))
        for kind, each in enumerate(self._structures):
            extra = each.code_bits - each.prefix_bits
            if extra and (chosen := kinds == kind).any():
                begins = places[chosen] + each.prefix_bits
                added = np.zeros(len(begins), np.int64)
                for bit in range(extra):
                    added = added << 1 | bits[begins + bit]
                numbers[chosen] += added - (bits[begins].astype(np.int64) << extra)
        return numbers

    def _windows(self, content: bytes) -> NDArray[np.uint16]:
        """Return for each bit, and for the end, what it and those after it say: as many as the longest prefix has."""
        padded = np.frombuffer(content + bytes(4), np.uint8).astype(np.uint32)
        words = padded[:-3] << 24 | padded[1:-2] << 16 | padded[2:-1] << 8 | padded[3:]
        shifts = 32 - self._width - np.arange(8, dtype=np.uint32)
        return (
            (words[:, None] >> shifts & ((1 << self._width) - 1)).astype(np.uint16).reshape(-1)[: 8 * len(content) + 1]
        )

    def _places(self, windows: NDArray[np.uint16], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return where codes begin, and which structures they are of."""
        changes = any(each is not None for each in self._next)
        try:
            places, kinds, end = (self._in_several_tables if changes else self._in_one_table)(windows, count)
        except IndexError as error:
            raise BadHuffman("a lead ends early") from error
        if (kinds < 0).any():
            raise BadHuffman("a lead holds bits that are no code")
        if end > len(windows) - 1:
            raise BadHuffman("a lead ends early")
        return places, kinds

    def _in_one_table(
        self, windows: NDArray[np.uint16], count: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
        """Return places, kinds and the end. Bits that are no code have the size 0 and the kind -1.

        How far it is to the code after the next is known for all places at once, and so to the fourth and
        the eighth: only one of eight codes is walked to.
        """
        lookup, end = self._lookup[0], len(windows)
        if self._room.shape[1] <= end:
            self._room = np.empty((_DOUBLINGS + 1, end + 1), np.int64)
        jumps = list(self._room[:, : end + 1])
        self._sizes[lookup].take(windows, out=jumps[0][:end], mode="clip")
        jumps[0][end] = 0
        jumps[0] += np.arange(end + 1)
        np.minimum(jumps[0], end, out=jumps[0])
        for shorter, longer in pairwise(jumps):
            shorter.take(shorter, out=longer, mode="clip")
        far, place, walked = memoryview(jumps.pop()), 0, []
        for _ in range(-(-(count + 1) // (1 << _DOUBLINGS))):
            walked.append(place)
            place = far[place]
        places = np.array(walked, np.int64)
        for jump in reversed(jumps):
            places = np.stack([places, jump.take(places)], axis=1).reshape(-1)
        if places[count - 1] >= end:
            raise BadHuffman("a lead ends early")
        return places[:count], lookup.take(windows[places[:count]]), int(places[count])

    def _in_several_tables(
        self, windows: NDArray[np.uint16], count: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
        """Return places, kinds and the end, where a code may change the table."""
        lookups = [self._lookup[table][windows].tolist() for table in range(len(self._lookup))]
        sizes, following = self._sizes.tolist(), self._next
        lookup = lookups[0]
        place = 0
        places: list[int] = []
        kinds: list[int] = []
        while len(places) < count:
            kind = lookup[place]
            if kind >= 0 and (table := following[kind]) is not None:
                lookup = lookups[table]
            else:
                places.append(place)
                kinds.append(kind)
            place += sizes[kind]
        return np.array(places, np.int64), np.array(kinds, np.int64), place
