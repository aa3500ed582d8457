"""Files that were changed by accident or on purpose: each is read, or refused with a reason, soon and in little memory."""

import random
import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ml.formats import FORMATS, LEADS, Recording, Unreadable, format_of, read
from ml.formats.wfdb import write_wfdb
from tests.cost import MOST_LOOPS, loop_s, timed
from tests.ml.formats.aecg import aecg_file
from tests.ml.formats.dicom import dicom_file
from tests.ml.formats.edf import annotated, edf_file, plain_edf, steps
from tests.ml.formats.encodings import record, signal_of
from tests.ml.formats.hdf5 import code_file, sph_file
from tests.ml.formats.muse import muse_file
from tests.ml.formats.records import simulated
from tests.ml.formats.scp import OTHER, TABLE, own_code, scp, scp_file, scp_sections, tables
from tests.ml.formats.segments import variable
from tests.ml.formats.sierra import sierra_file

LARGEST_KB = 500_000
SHORT = Recording(simulated().samples[:, :500], simulated().gain, 500.0)
Files = dict[str, bytes]

MADE: dict[str, Files] = {
    "WFDB": write_wfdb(SHORT, "r"),
    "GE MUSE XML": {"e.xml": muse_file(SHORT)},
    "Philips XML": {"e.xml": sierra_file(SHORT)},
    "HL7 aECG": {"e.xml": aecg_file(SHORT)},
    "DICOM ECG": {"e.dcm": dicom_file(SHORT)},
    "SCP-ECG": {"e.scp": scp_file(SHORT)},
    "HDF5": {"e.h5": sph_file(SHORT)},
    "EDF": {"e.edf": edf_file(SHORT)},
}
ONSETS = [f"+{tenth / 10:g}" for tenth in range(10)]
LATER = [f"+{tenth / 5:g}" for tenth in range(10)]
VARIANTS: dict[str, Files] = {
    **{f"WFDB {form}": record(form, signal_of(form, 200)) for form in ("8", "24", "80", "212", "310", "311", "516")},
    "WFDB segments": variable(),
    "EDF with dated records": {
        "e.edf": plain_edf(
            [*zip(LEADS, steps(SHORT), strict=True), ("EDF Annotations", annotated(ONSETS))],
            reserved="EDF+D",
            duration=".1",
        )
    },
    "EDF with gaps and 24 bits": {
        "e.bdf": plain_edf(
            [*zip(LEADS, steps(SHORT), strict=True), ("BDF Annotations", annotated(LATER, 3))],
            reserved="BDF+D",
            duration=".1",
            width=3,
        )
    },
    "HDF5 of CODE": {"e.h5": code_file(SHORT.millivolts(), shuffle=True, fletcher32=True)},
    "SCP-ECG without compression": {
        "e.scp": scp(scp_sections(SHORT, coder=lambda: None) | {2: b"\0\0"}, checksums=False)
    },
    "SCP-ECG with other tables": {
        "e.scp": scp({**scp_sections(SHORT, coder=own_code), 2: tables(TABLE, OTHER)}, checksums=False)
    },
}
REAL = {
    "WFDB": "ptbxl/records500/00000/00001_hr.*",
    "GE MUSE XML": "formats/muse_xml/*",
    "Philips XML": "formats/philips_sierra_xml/*",
    "HL7 aECG": "formats/hl7_aecg/*",
    "DICOM ECG": "formats/dicom_ecg/*",
    "SCP-ECG": "formats/scp_ecg/*",
    "HDF5": "sph_h5/*.h5",
}
WITHOUT_A_REAL_FILE = {"EDF"}
NUMBERS = (b"0", b"-1", b"65535", b"2147483648", b"99999999999999999999", b"1e308", b"nan", b"0.0000001")


def _byte(content: bytearray, chance: random.Random) -> None:
    content[chance.randrange(len(content))] = chance.randrange(256)


def _bit(content: bytearray, chance: random.Random) -> None:
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def _cut(content: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(content))
    del content[start : start + chance.choice((1, 2, 7, 100, len(content)))]


def _repeat(content: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(content))
    content[start:start] = content[start : start + chance.randrange(1, 400)] * chance.choice((1, 2, 50))


def _swap(content: bytearray, chance: random.Random) -> None:
    one, other = sorted(chance.randrange(len(content)) for _ in range(2))
    content[one:] = content[other:] + content[one:other]


def _number(content: bytearray, chance: random.Random) -> None:
    digits = [place for place, byte in enumerate(content[:4000]) if 48 <= byte < 58]
    if digits:
        place = chance.choice(digits)
        content[place : place + 1] = chance.choice(NUMBERS)


CHANGES: tuple[Callable[[bytearray, random.Random], None], ...] = (_byte, _bit, _cut, _repeat, _swap, _number)


def mutated(files: Files, chance: random.Random) -> Files:
    """Return files of which one was changed in one to four places."""
    changed = dict(files)
    name = chance.choice(sorted(files))
    content = bytearray(changed[name])
    for _ in range(chance.randrange(1, 5)):
        if content:
            chance.choice(CHANGES)(content, chance)
    changed[name] = bytes(content)
    return changed


def check_mutations(files: Files, count: int, seed: str) -> None:
    """Read `count` mutations: all answered, the slowest within `MOST_LOOPS` of a plain loop."""
    slowest, which = 0.0, 0
    for number in range(count):
        changed = mutated(files, random.Random(f"{seed} {number}"))
        with timed() as clock:
            try:
                recording = read(changed).recording
            except Unreadable as error:
                assert error.reasons, (seed, number)
            else:
                assert recording.samples.dtype == np.int32, (seed, number)
                assert recording.gain.min() > 0, (seed, number)
        slowest, which = max((slowest, which), (clock.seconds, number))
    assert slowest < MOST_LOOPS * loop_s(), (seed, which)


def test_every_format_is_mutated() -> None:
    assert set(MADE) == set(REAL) | WITHOUT_A_REAL_FILE == {file_format.name for file_format in FORMATS}
    for name, files in MADE.items():
        assert read(files).recording.samples.shape == SHORT.samples.shape
        assert any((found := format_of("", content)) and found.name == name for content in files.values())


@pytest.mark.parametrize("name", [*MADE, *VARIANTS])
def test_a_changed_file_is_read_or_refused(name: str) -> None:
    check_mutations({**MADE, **VARIANTS}[name], 300, name)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", [*MADE, *VARIANTS])
def test_changed_files_are_read_or_refused(name: str, shared: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    check_mutations({**MADE, **VARIANTS}[name], 15_000 if name in REAL else 20_000, f"{name} made")
    if name not in REAL:
        return
    paths = sorted(shared.glob(REAL[name]))
    assert paths
    records = (
        [{path.name: path.read_bytes() for path in paths}]
        if name == "WFDB"
        else [{path.name: path.read_bytes()} for path in paths]
    )
    for number, files in enumerate(records):
        check_mutations(files, 5_000 // len(records), f"{name} real {number}")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < LARGEST_KB
