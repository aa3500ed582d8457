"""SCP-ECG (EN 1064, ISO 11073-91064): sections 0 to 8, 10 and 11.

The rhythm data (section 6) are read, uncompressed or in Huffman code, and the reference beat (section 5) is added where
it was subtracted. By itself it is never taken for the rhythm. Bimodal compression, which loses samples between the
beats, is refused: there is no public file to try it on, and the one public program that undoes it (ECG Toolkit) says
that it could not be tested.
"""

import binascii
import struct
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.formats import huffman
from ml.formats.channels import Channel, Stored
from ml.formats.ecg_file import EcgFile
from ml.formats.format import Format, only_file
from ml.formats.leads import Lead, known_lead
from ml.formats.recording import MAX_RATE_HZ, Recording, unreadable
from ml.formats.scp_facts import facts_of, readings_of

MAX_SCP_BYTES = 2**21  # 2 MiB; ten seconds of twelve leads have 20 to 130 kB
MAX_ALL_SAMPLES = 2_000_000  # of all leads; Huffman code may take one bit for a sample
MAX_LEADS = 64

_POINTER = struct.Struct("<HII")  # number, length and place (from 1) of a section
_SECTION_HEAD = 16
_BEGIN = 6  # a checksum and the length of the whole record come first
_MARK = b"SCPECG"
_DEFAULT_TABLE = 19_999
_STRUCTURE = struct.Struct("<BBBhI")
_LEAD = struct.Struct("<IIB")
_BEAT = struct.Struct("<HIII")
_LARGEST = 2**30
_LEADS = {
    **dict(enumerate(("I", "II", "V1", "V2", "V3", "V4", "V5", "V6"), start=1)),
    **{61: "III", 62: "aVR", 63: "aVL", 64: "aVF", 65: "-aVR"},
}

Sections = Mapping[int, bytes]


class _Stretch(NamedTuple):
    """From which sample to which, both counted from 1, a lead was recorded."""

    lead: Lead | None
    begins: int
    ends: int


class _Signal(NamedTuple):
    """Section 5 or 6: how long a sample lasts, what its unit is, and the numbers of each lead, (samples,)."""

    nanovolts: int
    microseconds: int
    leads: list[NDArray[np.int64]]


def read_scp(files: Mapping[str, bytes]) -> EcgFile:
    """Return what an SCP-ECG file holds. Raises `Unreadable` with every reason."""
    content = only_file(files, is_scp, FORMAT.name)
    if len(content) > MAX_SCP_BYTES:
        raise unreadable("too_large", f"an SCP-ECG file may have {MAX_SCP_BYTES:,} bytes")
    sections = _sections(content)
    try:
        recording = _recording(sections)
    except struct.error as error:
        raise unreadable("bad_section", "a section of the SCP-ECG file ends early") from error
    except huffman.BadHuffman as error:
        raise unreadable("bad_compression", str(error)) from error
    return EcgFile(recording, facts_of(sections), readings_of(sections))


def is_scp(head: bytes) -> bool:
    """Return whether the first bytes of a file are those of an SCP-ECG file: section 0, which points at itself."""
    if len(head) < _BEGIN + _SECTION_HEAD + _POINTER.size:
        return False
    number, length = struct.unpack_from("<HI", head, _BEGIN + 2)
    pointer = _POINTER.unpack_from(head, _BEGIN + _SECTION_HEAD)
    return number == 0 and (head[16:22] == _MARK or pointer == (0, length, _BEGIN + 1)) and pointer[0] == 0


def _sections(content: bytes) -> Sections:
    """Return the bodies of the sections by their numbers, each checked."""
    checksum, length = struct.unpack_from("<HI", content)
    if length > len(content):
        raise unreadable("wrong_length", f"the file says {length:,} bytes and has {len(content):,}")
    whole = _has_checksum(content[2 : max(length, 2)], checksum)
    [pointers] = struct.unpack_from("<I", content, _BEGIN + 4)
    found: dict[int, bytes] = {}
    for place in range(_BEGIN + _SECTION_HEAD, min(_BEGIN + pointers, len(content)) - _POINTER.size + 1, _POINTER.size):
        number, size, begins = _POINTER.unpack_from(content, place)
        if not 0 < number <= 11 or not size or number in found:
            continue
        section = content[begins - 1 : begins - 1 + size] if begins else b""
        if len(section) < max(size, _SECTION_HEAD):
            raise unreadable("wrong_length", f"section {number} lies outside the file")
        said, of_section = struct.unpack_from("<HH", section)
        if of_section != number:
            raise unreadable("bad_section", f"section {number} is not where the file says")
        if not whole and not _has_checksum(section[2:], said):
            raise unreadable("wrong_checksum", f"neither the file nor section {number} has its checksum")
        found[number] = section[_SECTION_HEAD:]
    return found


def _has_checksum(content: bytes, said: int) -> bool:
    """Return whether bytes have a checksum (CRC-CCITT); 0 stands for one that was not computed."""
    return said == 0 or binascii.crc_hqx(content, 0xFFFF) == said


def _recording(sections: Sections) -> Recording:
    if 3 not in sections or 6 not in sections:
        raise unreadable("waveform_count", "the SCP-ECG file holds no rhythm data (sections 3 and 6)")
    stretches, subtracted = _stretches(sections[3])
    known = [each for each in stretches if each.lead]
    if len({(each.begins, each.ends) for each in known}) > 1:
        raise unreadable("unequal_starts", "the leads were not recorded at the same time")
    decoder = _decoder(sections.get(2))
    counts = [each.ends - each.begins + 1 for each in stretches]
    signal = _signal(sections[6], decoder, counts, "rhythm data")
    if sections[6][5]:
        raise unreadable("unsupported_compression", "SCP-ECG files with bimodal compression are not supported")
    if subtracted:
        _add_beats(signal, stretches, sections, decoder)
    stored = Stored()
    for each, samples in zip(stretches, signal.leads, strict=True):
        if each.lead:
            if np.abs(samples).max() > _LARGEST:
                raise unreadable("bad_compression", f"lead {each.lead.name}: a sample is too large")
            channel = Channel.of(samples.astype(np.int32), 1e6 / signal.nanovolts, each.lead.sign)
            stored.add(each.lead.name, channel)
    return stored.recording(1e6 / signal.microseconds)


def _stretches(section: bytes) -> tuple[list[_Stretch], bool]:
    """Return which leads were recorded when, and whether a reference beat was subtracted from them (section 3)."""
    count, flags = struct.unpack_from("<BB", section)
    if not 0 < count <= MAX_LEADS:
        raise unreadable("bad_section", f"1 to {MAX_LEADS} leads are read")
    found = []
    for number in range(count):
        begins, ends, code = _LEAD.unpack_from(section, 2 + number * _LEAD.size)
        if not 0 < begins <= ends:
            raise unreadable("bad_section", "a lead ends before it begins")
        found.append(_Stretch(known_lead(_LEADS.get(code, "")), begins, ends))
    if sum(each.ends - each.begins + 1 for each in found) > MAX_ALL_SAMPLES:
        raise unreadable("too_long", f"an SCP-ECG file may have {MAX_ALL_SAMPLES:,} samples of all leads")
    return found, bool(flags & 1)


def _decoder(section: bytes | None) -> huffman.Decoder | None:
    """Return the decoder of section 2; None where numbers are stored as they are."""
    if section is None:
        return None
    [count] = struct.unpack_from("<H", section)
    if count == _DEFAULT_TABLE:
        return huffman.Decoder([huffman.DEFAULT])
    if not count:
        return None
    if count > huffman.MAX_TABLES:
        raise unreadable("bad_compression", f"at most {huffman.MAX_TABLES} Huffman tables are read")
    tables, place = [], 2
    for _ in range(count):
        [lines] = struct.unpack_from("<H", section, place)
        table = []
        for line in range(lines):
            prefix, whole, mode, base, code = _STRUCTURE.unpack_from(section, place + 2 + line * _STRUCTURE.size)
            table.append(huffman.Structure(prefix, whole, mode == 0, base, code))
        tables.append(table)
        place += 2 + lines * _STRUCTURE.size
    return huffman.Decoder(tables)


def _signal(section: bytes, decoder: huffman.Decoder | None, counts: list[int], what: str) -> _Signal:
    """Return the signal of section 5 or 6."""
    nanovolts, microseconds, differences = struct.unpack_from("<HHB", section)
    if not nanovolts or not microseconds or 1e6 / microseconds > MAX_RATE_HZ:
        raise unreadable("bad_rate", f"{what}: the sampling interval or the amplitude of a step is 0")
    if differences > 2:
        raise unreadable("unsupported_compression", f"{what}: differences are read up to the second")
    sizes = struct.unpack_from(f"<{len(counts)}H", section, 6)
    place = 6 + 2 * len(counts)
    leads = []
    for size, count in zip(sizes, counts, strict=True):
        content = section[place : place + size]
        place += size
        if decoder is not None:
            numbers = decoder.decode(content, count)
        elif len(content) >= 2 * count:
            numbers = np.frombuffer(content, "<i2", count).astype(np.int64)
        else:
            raise unreadable("wrong_length", f"{what}: a lead ends early")
        leads.append(_summed(numbers, differences))
    return _Signal(nanovolts, microseconds, leads)


def _summed(numbers: NDArray[np.int64], differences: int) -> NDArray[np.int64]:
    """Return samples from their first or second differences; the first sample, or two, are stored as they are."""
    if differences == 1:
        return numbers.cumsum()
    if differences == 2 and len(numbers) > 2:
        steps = np.concatenate([[numbers[1] - numbers[0]], numbers[2:]]).cumsum()
        return np.concatenate([[numbers[0]], numbers[0] + steps.cumsum()])
    return numbers


def _add_beats(signal: _Signal, stretches: list[_Stretch], sections: Sections, decoder: huffman.Decoder | None) -> None:
    """Add the reference beat (section 5) to the rhythm data wherever it was subtracted (section 4)."""
    if 4 not in sections or 5 not in sections:
        raise unreadable("bad_section", "a reference beat was subtracted, and sections 4 and 5 do not say which")
    milliseconds, middle, beats = struct.unpack_from("<HHH", sections[4])
    [interval] = struct.unpack_from("<H", sections[5], 2)
    count = milliseconds * 1000 // max(interval, 1)
    if not 0 < count * len(stretches) <= MAX_ALL_SAMPLES:
        raise unreadable("too_long", "the reference beat has a length that cannot be used")
    beat = _signal(sections[5], decoder, [count] * len(stretches), "reference beat")
    if (beat.nanovolts, beat.microseconds) != (signal.nanovolts, signal.microseconds):
        raise unreadable("unsupported_compression", "the rhythm data have fewer samples than their reference beat")
    for number in range(beats):
        kind, begins, at, ends = _BEAT.unpack_from(sections[4], 6 + number * _BEAT.size)
        if kind != 0:  # the beat is of another kind than the reference beat
            continue
        for each, samples, shape in zip(stretches, signal.leads, beat.leads, strict=True):
            first = max(begins, each.begins, at - middle + 1)  # the fiducial point `at` is sample `middle` of the beat
            last = min(ends, each.ends, at - middle + count)
            if first <= last:
                place = first - at + middle - 1
                samples[first - each.begins : last - each.begins + 1] += shape[place : place + last - first + 1]


FORMAT = Format(
    name="SCP-ECG",
    main_ending=".scp",
    other_endings=(),
    recognises=is_scp,
    names=lambda main: (),
    read=read_scp,
    ending_decides=False,
    memory=60,
)
