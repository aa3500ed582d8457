"""Elements of DICOM files against pydicom, however they are written, and what is damaged."""

import struct
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from ml.formats.dicom_elements import DEEPEST, MAX_ELEMENTS, BadDicom, Item, Tag, UnknownSyntax, parse
from tests.ml.formats.dicom import annotation, dicom, group
from tests.ml.formats.records import simulated

ROWS = simulated().samples[:, :50]
TEXTS = {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "SH", "ST", "TM", "UI", "UT"}


def check(item: Item, expected: Dataset) -> int:
    """Compare all texts, numbers and bytes with what pydicom reads; return how many there were."""
    compared = 0
    for each in expected:
        if each.VR == "SQ":
            found = item.items(each.tag)
            assert len(found) == len(each.value)
            compared += sum(check(one, other) for one, other in zip(found, each.value, strict=True))
        elif each.VR in TEXTS:
            values = each.value if each.VM > 1 else [each.value]
            said = [" ".join(str(value).split()) for value in values if value is not None]
            assert item.text(each.tag) == ", ".join(filter(None, said))
        elif each.VR in ("US", "UL") and each.VM == 1:
            assert item.integer(each.tag) == each.value
        elif each.VR in ("OB", "OW"):
            assert item.raw(each.tag) == each.value
        compared += 1
    return compared


def undefined(dataset: Dataset) -> Dataset:
    """Return the dataset with sequences and items that end with delimiters."""
    for each in dataset:
        if each.VR == "SQ":
            each.is_undefined_length = True
            for item in each.value:
                item.is_undefined_length_sequence_item = True
                undefined(item)
    return dataset


def test_a_real_file_is_what_pydicom_reads(shared: Path) -> None:
    path = shared / "formats/dicom_ecg/mortara_12lead.dcm"
    assert check(parse(path.read_bytes()), pydicom.dcmread(path)) > 1000


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize("delimited", [False, True])
def test_every_way_of_writing_is_what_pydicom_reads(syntax: pydicom.uid.UID, delimited: bool) -> None:
    said = [annotation("Sinus rhythm"), annotation(meaning="PR Interval", value="160")]
    content = dicom([group(ROWS)], syntax=syntax, WaveformAnnotationSequence=said)
    if delimited:
        dataset, again = undefined(pydicom.dcmread(BytesIO(content))), BytesIO()
        dataset.save_as(again)
        assert again.getvalue() != content
        content = again.getvalue()
    assert check(parse(content), pydicom.dcmread(BytesIO(content))) > 150


@pytest.mark.parametrize(
    ("character_set", "name"),
    [
        ("ISO_IR 100", "Krankenhaus Köln"),
        ("ISO_IR 192", "Nürnberg 北"),
        ("ISO_IR 144", "Больница"),
        (["", "ISO 2022 IR 87"], "病院"),
        ("GB18030", "医院"),
    ],
)
def test_text_is_in_the_character_set_that_the_file_names(character_set: str | list[str], name: str) -> None:
    content = dicom([group(ROWS)], SpecificCharacterSet=character_set, InstitutionName=name)
    assert parse(content).text(Tag.INSTITUTION) == name


def test_text_in_no_character_set_that_is_known_is_utf_8_or_windows() -> None:
    for written in ("Köln ".encode(), "Köln".encode("latin-1")):
        content = dicom([group(ROWS)], InstitutionName="K" * (len(written) + len(written) % 2))
        changed = content.replace(
            b"K" * (len(written) + len(written) % 2), written.ljust(len(written) + len(written) % 2)
        )
        assert parse(changed).text(Tag.INSTITUTION) == "Köln"


def test_a_sequence_of_an_unknown_kind_is_implicit_and_an_element_may_lack_its_kind() -> None:
    text = struct.pack("<HHI", 0x0070, 0x0006, 6) + b"Normal"
    item = struct.pack("<HHI", 0xFFFE, 0xE000, len(text)) + text
    for length in (len(item), 0xFFFFFFFF):
        end = b"" if length == len(item) else struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
        content = struct.pack("<HH2sHI", 0x0040, 0xB020, b"UN", 0, length) + item + end + text
        read = Item.whole(memoryview(content + bytes(24)), explicit=True)
        assert [each.text(Tag.TEXT) for each in read.items(Tag.ANNOTATIONS)] == ["Normal"]
        assert read.text(Tag.TEXT) == "Normal"


def test_what_is_damaged_is_named() -> None:
    sequence, item = (
        struct.pack("<HH2sHI", 0x0040, 0xB020, b"SQ", 0, 0xFFFFFFFF),
        struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF),
    )
    empty = struct.pack("<HHI", 0xFFFE, 0xE000, 0)
    for hostile in (
        (sequence + item) * (DEEPEST + 1),
        sequence + empty * MAX_ELEMENTS,
        struct.pack("<HH2sH", 8, 0x80, b"LO", 4) + b"a",
        struct.pack("<HH2sHI", 8, 0x80, b"UT", 0, 2**31) + b"a",
        sequence + item + b"\x08\0",
        sequence + b"\x08\0\x80\0LO\0\0",
    ):
        with pytest.raises(BadDicom):
            Item.whole(memoryview(hostile), explicit=True)
    with pytest.raises(UnknownSyntax):
        parse(bytes(128) + b"DICM" + b"\x02\0")
