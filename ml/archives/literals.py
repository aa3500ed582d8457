"""Python literals in cells, as pandas writes lists and dictionaries: `['NSR', 'NML']`, `{'NORM': 100.0}`.

Nothing is evaluated. Read are strings, numbers, None, True, False, and lists, tuples and dictionaries of them (the keys
of a dictionary are strings), `MOST_LEVELS` deep, in time linear in the text. What is read is what `ast.literal_eval`
returns (a property test compares them).
"""

import re

Literal = str | int | float | bool | None | list["Literal"] | tuple["Literal", ...] | dict[str, "Literal"]

LONGEST = 65_536  # characters
MOST_LEVELS = 4

_TOKEN = re.compile(
    r"""\s*+(?:
        (?P<mark>[\[\](){},:])
      | (?P<string>'(?:[^'\\\r\n]|\\.)*+'|"(?:[^"\\\r\n]|\\.)*+")
      | (?P<number>[-+]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][-+]?\d{1,3}+)?)(?![\w.])
      | (?P<word>None|True|False)(?!\w)
      | (?P<end>\Z)
    )""",
    re.VERBOSE | re.ASCII,
)
_ESCAPE = re.compile(r"\\(?:([\\'\"nrt])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_WORDS: dict[str, Literal] = {"None": None, "True": True, "False": False}
_SHORT = {"n": "\n", "r": "\r", "t": "\t"}
_WHOLE = re.compile(r"[-+]?(?:0++|[1-9]\d{0,17}+)", re.ASCII)
_CLOSES = {"[": "]", "(": ")", "{": "}"}


class NotALiteral(ValueError):
    """The text is no literal of the kinds that are read; the message says where it stops being one."""


def literal(text: str) -> Literal:
    """Return the value of a literal. Raises `NotALiteral`."""
    if len(text) > LONGEST:
        raise NotALiteral(f"is longer than {LONGEST:,} characters")
    parser = _Parser(text)
    value = parser.value(MOST_LEVELS)
    parser.expect("")
    return value


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text.strip(" \t")
        self._at = 0
        self._advance()

    def value(self, levels: int) -> Literal:
        kind, token = self._kind, self._token
        if kind == "mark" and token in _CLOSES:
            if not levels:
                raise self._wrong(f"is nested more than {MOST_LEVELS} deep")
            self._advance()
            return self._items(token, levels - 1)
        if kind not in ("string", "number", "word"):
            raise self._wrong("is no literal")
        value = _WORDS[token] if kind == "word" else self._number(token) if kind == "number" else _string(token)
        self._advance()
        return value

    def expect(self, token: str) -> None:
        """Step over a mark; '' is the end of the text."""
        if self._token != token or self._kind not in ("mark", "end"):
            raise self._wrong("is no literal")
        if token:
            self._advance()

    def _items(self, opened: str, levels: int) -> Literal:
        """Return the list, tuple or dictionary whose opening mark has been read."""
        closes = _CLOSES[opened]
        found: list[Literal] = []
        keyed: dict[str, Literal] = {}
        commas = 0
        while not self._is_mark(closes):
            value = self.value(levels)
            if opened == "{":
                if not isinstance(value, str):
                    raise self._wrong("has a key that is no string")
                self.expect(":")
                keyed[value] = self.value(levels)
            else:
                found.append(value)
            if self._is_mark(closes):
                break
            self.expect(",")
            commas += 1
        self._advance()
        if opened == "{":
            return keyed
        if opened == "[":
            return found
        return found[0] if len(found) == 1 and not commas else tuple(found)

    def _is_mark(self, token: str) -> bool:
        return self._kind == "mark" and self._token == token

    def _advance(self) -> None:
        matched = _TOKEN.match(self._text, self._at)
        if matched is None:
            raise self._wrong("is no literal")
        self._kind = matched.lastgroup
        self._token = matched[self._kind or 0]
        self._at = matched.end()

    def _number(self, token: str) -> int | float:
        if token.lstrip("+-").isdecimal():
            if not _WHOLE.fullmatch(token):
                raise self._wrong("has an integer of more than 18 digits, or one that begins with 0")
            return int(token)
        return float(token)

    def _wrong(self, what: str) -> NotALiteral:
        return NotALiteral(f"{what} (before character {self._at + 1})")


def _string(token: str) -> str:
    return _ESCAPE.sub(_unescaped, token[1:-1]) if "\\" in token else token[1:-1]


def _unescaped(escape: re.Match[str]) -> str:
    short, *codes, other = escape.groups()
    if short:
        return _SHORT.get(short, short)
    number = next((int(code, 16) for code in codes if code), None)
    if other or number is None or number > 0x10FFFF:
        raise NotALiteral("has a string with an escape that is not read")
    return chr(number)
