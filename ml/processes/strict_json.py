"""JSON without repeated keys. Parsers differ in which of two equal keys they keep, so both are refused."""

import json
from typing import Any

SHOWN = 60  # characters of a key in a message


class RepeatedKey(ValueError):
    """An object has the same key twice; the message names it."""


def once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the pairs of an object as a dict; for `object_pairs_hook`. Raises `RepeatedKey`."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise RepeatedKey(f"the key {key[:SHOWN]!r} is given twice")
        found[key] = value
    return found


def refuse_repeated_keys(text: str | bytes) -> None:
    """Raise `RepeatedKey` where an object in a JSON text has a key twice; other errors are left to the parser."""
    try:
        json.loads(text, object_pairs_hook=once_each)
    except RepeatedKey:
        raise
    except (ValueError, RecursionError):
        return
