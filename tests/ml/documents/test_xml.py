import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.documents.xml import escaped, printable


@given(st.text(st.characters()))
def test_any_text_is_read_back_by_a_parser(text: str) -> None:
    document = f'<a b="{escaped(text)}">{escaped(text)}</a>'
    root = ET.fromstring(document.encode())
    expected = printable(text).replace("\r\n", "\n").replace("\r", "\n")  # XML 1.0, section 2.11
    assert (root.text or "") == expected


@pytest.mark.parametrize("forbidden", ["\x00", "\x0b", "\x1b", "\ud800", "\udfff", "\ufffe", "\uffff"])
def test_what_xml_forbids_is_replaced(forbidden: str) -> None:
    assert printable(f"a{forbidden}b") == "a\ufffdb"


@pytest.mark.parametrize("allowed", ["\t", "\n", "é", "\ud7ff", "\ue000", "\ufffd", "\U0001f600", "\U0010ffff"])
def test_what_xml_allows_stays(allowed: str) -> None:
    assert printable(allowed) == allowed
