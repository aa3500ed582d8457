"""Huffman codes of SCP-ECG (EN 1064, 5.5): the default table, or tables of the file's own, of which a code may change.

Where each code begins is found first, one after the other; then all numbers are taken out at once.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LONGEST_PREFIX = 16
MAX_TABLES = 8

_LONGEST_CODE = 48


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
        bits = np.concatenate([np.unpackbits(np.frombuffer(content, np.uint8)), np.zeros(_LONGEST_CODE, np.uint8)])
        windows = np.zeros(8 * len(content) + 1, np.uint16)
        for place in range(self._width):
            windows = windows << 1 | bits[place : place + len(windows)]
        places, kinds = self._places(windows, count)
        numbers = np.array([each.base for each in self._structures])[kinds]
        for kind, each in enumerate(self._structures):
            extra = each.code_bits - each.prefix_bits
            if extra and (chosen := kinds == kind).any():
                begins = places[chosen] + each.prefix_bits
                added = np.zeros(len(begins), np.int64)
                for bit in range(extra):
                    added = added << 1 | bits[begins + bit]
                numbers[chosen] += added - (bits[begins].astype(np.int64) << extra)
        return numbers

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
        return np.array(places, np.int64), kinds

    def _in_one_table(self, windows: NDArray[np.uint16], count: int) -> tuple[list[int], NDArray[np.int64], int]:
        """Return places, kinds and the end. Bits that are no code have the size 0 and the kind -1."""
        kinds = self._lookup[0][windows]
        sizes = self._sizes[kinds].tolist()
        place = 0
        places = []
        for _ in range(count):
            places.append(place)
            place += sizes[place]
        return places, kinds[places], place

    def _in_several_tables(self, windows: NDArray[np.uint16], count: int) -> tuple[list[int], NDArray[np.int64], int]:
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
        return places, np.array(kinds, np.int64), place
