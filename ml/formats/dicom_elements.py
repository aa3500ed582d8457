"""Elements of a DICOM file by their tags (PS3.5, 7.1 and 7.5): little-endian, with or without value representations.

pydicom makes an object of each element and takes 15 µs for one; an ECG has 1,500, of which a third are asked for. Here
a value stays where it is in the file until somebody asks, and so do sequences that say their length.
"""

import logging
import struct
import warnings
from functools import cache
from typing import Any, Self

MAX_ELEMENTS = 100_000  # and items; ten seconds have 1,500
DEEPEST = 16  # sequences in sequences
LONGEST_TEXT = 10_000  # bytes

_TAG_AND_LENGTH = struct.Struct("<HHI")
_SHORT = struct.Struct("<HH2sH")
_LENGTH = struct.Struct("<I")
_LONG_FORMS = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
_UNDEFINED = 0xFFFFFFFF
_ITEM, _END_OF_ITEM, _END_OF_SEQUENCE = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_META = 0x0002
_ESCAPE = b"\x1b"  # of a character set with two bytes a character
_BEGIN = 132  # preamble and mark
_IMPLICIT, _EXPLICIT = b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.1"


class Tag:
    """The tags of the elements that are read."""

    TRANSFER_SYNTAX = 0x00020010
    CHARACTER_SET = 0x00080005
    STUDY_DATE, STUDY_TIME = 0x00080020, 0x00080030
    ACQUISITION_TIME = 0x0008002A
    ACCESSION_NUMBER = 0x00080050
    INSTITUTION, DEPARTMENT = 0x00080080, 0x00081040
    CODE, SCHEME, MEANING = 0x00080100, 0x00080102, 0x00080104
    TIME_ZONE = 0x00080201
    READ_BY = 0x00081060
    MODEL = 0x00081090
    PATIENT_ID, BORN, SEX, AGE = 0x00100020, 0x00100030, 0x00100040, 0x00101010
    SOFTWARE = 0x00181020
    PATIENT_LOCATION = 0x00380300
    WAVEFORMS, GROUP_OFFSET_MS, GROUP_LABEL = 0x54000100, 0x00181068, 0x003A0020
    ORIGINALITY, CHANNEL_COUNT, SAMPLE_COUNT, RATE = 0x003A0004, 0x003A0005, 0x003A0010, 0x003A001A
    CHANNELS, CHANNEL_SOURCE = 0x003A0200, 0x003A0208
    SENSITIVITY, SENSITIVITY_UNITS, CORRECTION, BASELINE = 0x003A0210, 0x003A0211, 0x003A0212, 0x003A0213
    TIME_SKEW, SAMPLE_SKEW = 0x003A0214, 0x003A0215
    BITS_ALLOCATED, INTERPRETATION, PADDING, SAMPLES = 0x54001004, 0x54001006, 0x5400100A, 0x54001010
    ANNOTATIONS, ANNOTATION_GROUP = 0x0040B020, 0x0040A180
    CONCEPT, CONCEPT_CODE = 0x0040A043, 0x0040A168
    UNITS, NUMBER = 0x004008EA, 0x0040A30A
    TEXT = 0x00700006


class BadDicom(ValueError):
    """The bytes are no elements of DICOM."""


class UnknownSyntax(ValueError):
    """The file is in a transfer syntax that is not read."""


class _Budget:
    """How many elements and items may still be read."""

    def __init__(self) -> None:
        self.left = MAX_ELEMENTS

    def spend(self) -> None:
        """Take one off. Raises `BadDicom`."""
        self.left -= 1
        if self.left < 0:
            raise BadDicom(f"it has more than {MAX_ELEMENTS:,} elements")


class Item:
    """The elements of a file, or of an item of a sequence.

    Raises `BadDicom` when it is made, or asked for a sequence, where an element is not as long as it says.
    """

    def __init__(self, content: memoryview, *, explicit: bool, depth: int = 0, parent: "Item | None" = None) -> None:
        self._content, self._explicit, self._depth, self._parent = content, explicit, depth, parent
        self._budget: _Budget = parent._budget if parent else _Budget()
        self._found: dict[int, tuple[bytes, memoryview | list[Item]]] = {}

    @classmethod
    def whole(cls, content: memoryview, *, explicit: bool) -> Self:
        """Return the elements that bytes hold to their end."""
        item = cls(content, explicit=explicit)
        item._read(len(content))
        return item

    def __contains__(self, tag: int) -> bool:
        """Return whether an element is there and not empty."""
        return tag in self._found and len(self._found[tag][1]) > 0

    def raw(self, tag: int) -> bytes:
        """Return the bytes of a value, without any where it is not there."""
        _, value = self._found.get(tag, (b"", b""))
        return b"" if isinstance(value, list) else bytes(value)

    def integer(self, tag: int) -> int | None:
        """Return an unsigned number of 16 or 32 bits."""
        content = self.raw(tag)
        return int.from_bytes(content, "little") if len(content) in (2, 4) else None

    def text(self, tag: int) -> str:
        """Return a value as text with single blanks; several values have a comma between them."""
        content = self.raw(tag)[:LONGEST_TEXT]
        is_plain = content.isascii() and _ESCAPE not in content
        text = content.decode("ascii") if is_plain else self._decoded(content)
        if "\\" in text and tag != Tag.TEXT:
            return ", ".join(filter(None, (_plain(each) for each in text.split("\\"))))
        return _plain(text)

    def items(self, tag: int) -> "list[Item]":
        """Return the items of a sequence; none where it is not there."""
        kind, value = self._found.get(tag, (b"", []))
        if not isinstance(value, list):
            holder = Item(value, explicit=self._explicit and kind != b"UN", depth=self._depth, parent=self)
            value = holder._items(0, len(value), self)[0]
            self._found[tag] = (kind, value)
        return value

    def first(self, tag: int) -> "Item":
        """Return the first item of a sequence; one without elements where there is none."""
        found = self.items(tag)
        return found[0] if found else _NOTHING

    def _decoded(self, content: bytes) -> str:
        """Return text in the character sets that the item or the file names; else UTF-8 or Windows-1252."""
        item: Item | None = self
        while item is not None and Tag.CHARACTER_SET not in item:
            item = item._parent
        names = item.raw(Tag.CHARACTER_SET).decode("latin-1").split("\\") if item else []
        if text := _in_character_sets(content, tuple(name.strip(" \0") for name in names)):
            return text
        try:
            return content.decode()
        except UnicodeDecodeError:
            return content.decode("windows-1252", "replace")

    def _read(self, end: int, place: int = 0, *, delimited: bool = False) -> int:
        """Read elements up to a place, or up to the delimiter of an item. Return the place after them."""
        content, explicit, spend = self._content, self._explicit, self._budget.spend
        while place + 8 <= end:
            spend()
            group, element, kind, length = _SHORT.unpack_from(content, place)
            tag = group << 16 | element
            if explicit and group != 0xFFFE and kind.isalpha() and kind.isupper():
                place += 8
                if kind in _LONG_FORMS:
                    if place + 4 > end:
                        raise BadDicom("an element ends early")
                    [length] = _LENGTH.unpack_from(content, place)
                    place += 4
            else:  # some writers forget the representation of an element
                _, _, length = _TAG_AND_LENGTH.unpack_from(content, place)
                kind = b""
                place += 8
            if delimited and tag == _END_OF_ITEM:
                return place
            if length == _UNDEFINED:
                holder = Item(content, explicit=explicit and kind != b"UN", depth=self._depth, parent=self)
                found, place = holder._items(place, end, self)
                self._found[tag] = (kind, found)
                continue
            if length > end - place:
                raise BadDicom("an element ends early")
            self._found[tag] = (kind, content[place : place + length])
            place += length
        if delimited or any(content[place:end]):
            raise BadDicom("an item ends early")
        return end

    def _items(self, place: int, end: int, parent: "Item") -> "tuple[list[Item], int]":
        """Return the items of a sequence that begins at a place, and the place after it."""
        if self._depth >= DEEPEST:
            raise BadDicom("the sequences are too deep")
        found: list[Item] = []
        while place + 8 <= end:
            group, element, length = _TAG_AND_LENGTH.unpack_from(self._content, place)
            tag = group << 16 | element
            place += 8
            if tag == _END_OF_SEQUENCE:
                return found, place
            if tag != _ITEM or (length != _UNDEFINED and length > end - place):
                raise BadDicom("a sequence is damaged")
            self._budget.spend()
            item = Item(self._content, explicit=self._explicit, depth=self._depth + 1, parent=parent)
            is_delimited = length == _UNDEFINED
            place = item._read(end if is_delimited else place + length, place, delimited=is_delimited)
            found.append(item)
        return found, end


_NOTHING = Item(memoryview(b""), explicit=True)


def parse(content: bytes) -> Item:
    """Return the elements of a file after its meta information. Raises `BadDicom` and `UnknownSyntax`."""
    place, syntax = _BEGIN, b""
    while place + 12 <= len(content):
        group, element, kind, length = _SHORT.unpack_from(content, place)
        if group != _META:
            break
        place += 8
        if kind in _LONG_FORMS:
            [length] = _LENGTH.unpack_from(content, place)
            place += 4
        if element == Tag.TRANSFER_SYNTAX & 0xFFFF:
            syntax = content[place : place + length].rstrip(b" \0")
        place += length
    if syntax not in (_IMPLICIT, _EXPLICIT):
        raise UnknownSyntax
    return Item.whole(memoryview(content)[place:], explicit=syntax == _EXPLICIT)


def _plain(text: str) -> str:
    return " ".join(text.replace("\0", " ").split())


@cache
def _charset() -> Any:
    """Load the library's character sets, and keep it from warning and logging: it quotes values of the file."""
    from pydicom import charset

    warnings.filterwarnings("ignore", module=r"pydicom\b")
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    return charset


def _in_character_sets(content: bytes, names: tuple[str, ...]) -> str | None:
    """Return text in character sets of DICOM; None where one is not known or does not fit."""
    charset = _charset()
    if not any(names) or any(name not in charset.python_encoding for name in names):
        return None
    try:
        text: str = charset.decode_bytes(content, [charset.python_encoding[name] for name in names], set())
    except (UnicodeDecodeError, LookupError):
        return None
    return text
