"""XML of vendors' files as a tree, within bounds, whatever the bytes are."""

import re
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException, DTDForbidden
from defusedxml.ElementTree import DefusedXMLParser

from ml.formats.recording import Unreadable, unreadable

MAX_XML_BYTES = 2**23  # 8 MiB; ten seconds of twelve leads have 0.1 to 1 MiB
MAX_TAGS = 50_000  # ten seconds have 700 to 2,400
MAX_ATTRIBUTES = 50_000
_MAX_COPIED = 10**8  # characters

_DECLARED = re.compile(r"""\s*+<\?xml[^>]{0,100}?encoding\s{0,20}=\s{0,20}["']([A-Za-z0-9._-]{1,40})["']""", re.ASCII)
_CODE_PAGE = re.compile(  # of which all have the digits and letters of ASCII at their places
    r"utf-?8|us-ascii|iso-?8859-\d{1,2}|latin-?1|(?:windows-|cp)(?:125\d|874|93[26]|949|950)"
    r"|koi8-[ru]|gb2312|gbk|gb18030|big5|shift[_-]jis|euc-(?:jp|kr)",
    re.IGNORECASE,
)
_SAYS_WIDE = re.compile(r"utf-?16|unicode", re.IGNORECASE)
_WIDE = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"<\0": "utf-16-le", b"\0<": "utf-16-be"}
_LATIN_1 = re.compile(r"iso-?8859-1|latin-?1", re.IGNORECASE)
_NOT_IN_XML = bytes(set(range(32)) - set(b"\t\n\r"))


class _FoundRoot(Exception):
    """The first element began; `args` hold its name."""


class _Root:
    """A target that stops at the first element."""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        raise _FoundRoot(tag)


def root_name(head: bytes) -> str | None:
    """Return the name of the root element, with its namespace in braces, from the first bytes of a file."""
    if not head.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n").startswith(b"<"):
        return None
    try:
        _feed(_parser(_Root()), _text(head))
    except _FoundRoot as found:
        return str(found.args[0])
    except Unreadable:
        return None
    return None


def parse(content: bytes) -> Element:
    """Return the root element of a file. Nothing that the file refers to is opened. Raises `Unreadable`.

    Control characters, with which some writers fill values up, are left out. Refused are a document type with
    declarations of its own (entities and default attributes multiply), and what exceeds the bounds of this module.
    """
    if len(content) > MAX_XML_BYTES:
        raise unreadable("too_large", f"an XML file may have {MAX_XML_BYTES:,} bytes")
    parser = _parser(TreeBuilder())
    _feed(parser, _text(content))
    try:
        root: Element = parser.close()
    except ParseError as error:
        raise _damaged(error) from error
    return root


def without_namespaces(root: Element) -> Element:
    """Return a tree whose elements have their plain names."""
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def said(element: Element | None, path: str) -> str | None:
    """Return the text of the first element at `path`, with single blanks; None where there is none."""
    text = element.findtext(path) if element is not None else None
    return " ".join(text.split()) or None if text else None


def _parser(target: object) -> Any:
    def begin_document_type(name: str, system: str | None, public: str | None, declares: bool) -> None:
        if declares:
            raise DTDForbidden(name, system, public)

    parser = DefusedXMLParser(target=target, encoding="utf-8")
    parser.parser.StartDoctypeDeclHandler = begin_document_type
    return parser


def _feed(parser: Any, text: str) -> None:
    if text.count("<") > MAX_TAGS or text.count("=") > MAX_ATTRIBUTES:
        raise unreadable("too_large", f"an XML file may have {MAX_TAGS:,} tags and {MAX_ATTRIBUTES:,} attributes")
    # expat copies a namespace for every name in it
    longest = max((len(piece) for piece in text.split("<") if "xmlns" in piece), default=0)
    if longest * (text.count("<") + text.count(":")) > _MAX_COPIED:
        raise unreadable("too_large", "an XML namespace is too long")
    try:
        parser.feed(text.encode("utf-8", "replace"))
    except DefusedXmlException as error:
        raise unreadable("forbidden_xml", "the XML's document type declares something") from error
    except ParseError as error:
        raise _damaged(error) from error


def _text(content: bytes) -> str:
    """Return the characters of a file in the code page that it declares, without control characters.

    Windows programs declare ISO-8859-1 and write Windows-1252, which has characters where ISO-8859-1 has none. A file
    that is not in the code page that it declares is read as Windows-1252, too: its digits and names of elements are the
    same in all of them.
    """
    if wide := _WIDE.get(content[:2]):
        content = content.decode(wide, "replace").encode("utf-8", "replace")
        return content.translate(None, _NOT_IN_XML).decode().lstrip("\ufeff \t\r\n")
    content = content.translate(None, _NOT_IN_XML).lstrip(b"\xef\xbb\xbf \t\r\n")
    declared = _DECLARED.match(content[:300].decode("latin-1"))
    code_page = declared[1] if declared else "utf-8"
    if _SAYS_WIDE.fullmatch(code_page):  # but it is not: .NET declares what a string was in before it was saved
        code_page = "utf-8"
    if not _CODE_PAGE.fullmatch(code_page):
        raise unreadable("unknown_code_page", "the XML is in a code page that is not supported")
    try:
        known = "cp1252" if _LATIN_1.fullmatch(code_page) else code_page.lower().replace("windows-", "cp")
        return content.decode(known)
    except (UnicodeDecodeError, LookupError):
        return content.decode("windows-1252", "replace")


def _damaged(error: ParseError) -> Unreadable:
    line, column = error.position
    return unreadable("bad_xml", f"the XML ends early or is damaged (line {line}, column {column})")
