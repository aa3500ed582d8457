"""XML within bounds: what a file may hold, and what it may cost."""

import tracemalloc

import pytest

from ml.formats import Unreadable
from ml.formats.xml_tree import MAX_ATTRIBUTES, MAX_TAGS, MAX_XML_BYTES, parse, root_name, said
from tests.cost import MOST_LOOPS, loops

NAMES = [f"a{number}" for number in range(MAX_TAGS - 10)]
ROOM = MAX_XML_BYTES - 1000


def attributes(count: int, prefix: str = "") -> str:
    return " ".join(f'{prefix}a{number}=""' for number in range(count))


BOMBS = {
    "entities": '<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a>&d;</a>',
    "an external entity": '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "a parameter entity": '<!DOCTYPE a [<!ENTITY % b SYSTEM "http://127.0.0.1/">%b;]><a/>',
    "default attributes": f"<!DOCTYPE a [{'<!ATTLIST a b CDATA `c`>'.replace('`', chr(34)) * 2000}]><a>{'<a/>' * (MAX_TAGS - 10)}</a>",
    "a file too large": f"<a>{' ' * MAX_XML_BYTES}</a>",
    "elements": f"<a>{'<b/>' * MAX_TAGS}</a>",
    "elements in elements": "<a>" * (MAX_TAGS + 1),
    "attributes": f"<a {attributes(500_000)}/>",
    "a long namespace": f'<a xmlns="{"u" * 100_000}">{"<a/>" * (MAX_TAGS - 10)}</a>',
    "a long namespace and many names": f'<a xmlns="{"u" * 9_900}">{"".join(f"<{name}/>" for name in NAMES)}</a>',
    "a long namespace of attributes": f'<a xmlns:b="{"u" * 2_000_000}" {attributes(MAX_ATTRIBUTES - 10, "b:")}/>',
    "an unknown entity": "<a>&b;</a>",
    "no end": "<a>" + "x" * ROOM,
    "a comment": f"<!--{'-' * ROOM}-->",
    "an instruction": f"<?x {'?' * ROOM}?>",
    "nothing": "",
    "two roots": "<a/><b/>",
    "an unknown code page": '<?xml version="1.0" encoding="klingon"?><a/>',
    "a code page of several bytes": '<?xml version="1.0" encoding="utf-7"?><a/>',
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_what_multiplies_or_is_damaged_is_refused_at_once(text: str) -> None:
    def look() -> None:
        with pytest.raises(Unreadable):
            parse(text.encode())
        root_name(text.encode()[:65_536])

    assert loops(look) < MOST_LOOPS


LARGEST = {
    "text": f"<a>{'x' * ROOM}</a>",
    "lines": f"<a>{chr(10) * ROOM}</a>",
    "escapes": f"<a>{'&amp;' * (ROOM // 5)}</a>",
    "control characters": f"<a>{chr(1) * ROOM}</a>",
    "elements": f"<a>{'<b>c</b>' * (MAX_TAGS // 2 - 2)}</a>",
    "elements in elements": f"{'<a>' * (MAX_TAGS // 2)}{'</a>' * (MAX_TAGS // 2)}",
    "attributes": f"<a {attributes(MAX_ATTRIBUTES - 10)}/>",
}


@pytest.mark.parametrize("text", LARGEST.values(), ids=LARGEST)
def test_the_largest_files_take_bounded_memory_and_time(text: str) -> None:
    tracemalloc.start()
    try:
        parse(text.encode())
        assert tracemalloc.get_traced_memory()[1] < 200_000_000
    finally:
        tracemalloc.stop()
    assert loops(lambda: parse(text.encode())) < MOST_LOOPS


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b'<?xml version="1.0"?><!-- c --><!DOCTYPE a SYSTEM "a.dtd"><a b="1"><c', "a"),
        (b'\xef\xbb\xbf<a xmlns="urn:x">', "{urn:x}a"),
        ("<a>ä".encode("utf-16"), "a"),
        (b"<a", None),
        (b"<", None),
        (b"a<b>", None),
        (b"\0\0<", None),
        (b"", None),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>", None),
    ],
)
def test_the_root_is_known_from_the_head(head: bytes, expected: str | None) -> None:
    assert root_name(head) == expected


@pytest.mark.parametrize(
    "declared", ["gb2312", "GBK", "big5", "Shift_JIS", "EUC-KR", "windows-1251", "koi8-r", "windows-874"]
)
def test_code_pages_of_other_scripts_are_read(declared: str) -> None:
    words = {"windows-1251": "Синус", "koi8-r": "Синус", "EUC-KR": "심전도", "windows-874": "หัวใจ"}.get(
        declared, "正常"
    )
    content = f'<?xml version="1.0" encoding="{declared}"?><a>{words}</a>'
    assert parse(content.encode(declared.replace("windows-", "cp"))).text == words


@pytest.mark.parametrize("page", ["utf-16-le", "utf-16-be", "utf-16", "utf-8", "utf-8-sig"])
def test_a_file_that_says_utf_16_is_read_whatever_it_is(page: str) -> None:
    content = '<?xml version="1.0" encoding="utf-16"?>\r\n<a>Köln</a>'.encode(page)
    assert (parse(content).text, root_name(content)) == ("Köln", "a")


def test_what_is_said_is_text_or_nothing() -> None:
    root = parse(b"<a><b> c \n d </b><e> </e><f><g>h</g></f></a>")
    assert [said(root, path) for path in ("b", "e", "f", "f/g", "x/y")] == ["c d", None, None, "h", None]
    assert said(None, "b") is None
