"""YAML whose values are all text: "no", "on" and "62" are words here. Bounded, and each value knows its line.

Aliases (*name) are refused, because a few of them stand for gigabytes, and so are tags (!!python/…).
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import yaml

DEEPEST = 20
MAX_VALUES = 100_000  # the shipped vocabulary has 4,000
LONGEST_KEY = 100
MISTAKES_NAMED = 20

Place = tuple[int | str, ...]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml: eight times as fast


class NotYaml(ValueError):
    """A file that is not read; the message says why, with the line."""


class Node(NamedTuple):
    """A value with its line: text, a list of nodes, or a mapping from keys to nodes."""

    value: "str | list[Node] | dict[str, Node]"
    line: int

    def plain(self) -> Any:
        """Return the value without lines, as text, lists and dicts."""
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        return self.value

    def line_of(self, place: Place) -> int:
        """Return the line of the innermost value on the way to a place."""
        node = self
        for step in place:
            inside: Node | None = None
            if isinstance(node.value, dict) and isinstance(step, str):
                inside = node.value.get(step)
            elif isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
                inside = node.value[step]
            if inside is None:
                break
            node = inside
        return node.line


def read_yaml(text: str) -> Node:
    """Return the one document of a file. Raise `NotYaml` with up to `MISTAKES_NAMED` wrong keys, or the first error."""
    try:
        events = yaml.parse(text, Loader=_LOADER)
        reader = _Reader(event for event in events if isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent))
        root = reader.node((), next(reader.events, None))
        if next(reader.events, None) is not None:
            raise NotYaml("not YAML: more than one document")
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise NotYaml(f"not YAML: {error}") from error
    if reader.mistakes:
        raise NotYaml("; ".join(islice(reader.mistakes, MISTAKES_NAMED)))
    return root


class _Reader:
    """Builds nodes of a parser's events."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self.events = events
        self.mistakes: list[str] = []
        self._values = 0

    def node(self, place: Place, event: yaml.Event | None) -> Node:
        """Return the node that an event begins."""
        if event is None:
            return Node("", 1)
        line = _line(event)
        self._values += 1
        if isinstance(event, yaml.AliasEvent):
            raise NotYaml(f"not YAML: line {line}: aliases (*name) are not read")
        if getattr(event, "tag", None) is not None:
            raise NotYaml(f"not YAML: line {line}: tags (!name) are not read")
        if self._values > MAX_VALUES or len(place) > DEEPEST:
            raise NotYaml(
                f"not YAML: line {line}: more than {MAX_VALUES:,} values, or more than {DEEPEST} in each other"
            )
        if isinstance(event, yaml.ScalarEvent):
            return Node(event.value, line)
        if isinstance(event, yaml.SequenceStartEvent):
            return Node([self.node((*place, i), inner) for i, inner in enumerate(self._inside())], line)
        return Node(self._mapping(place), line)

    def _mapping(self, place: Place) -> dict[str, Node]:
        found: dict[str, Node] = {}
        for event in self._inside():
            line = _line(event)
            key = self.node((*place, "key"), event).value
            if not isinstance(key, str) or len(key) > LONGEST_KEY:
                self.mistakes.append(
                    f"line {line}: {dotted(place)}: a key is a word of at most {LONGEST_KEY} characters"
                )
                key = ""
            elif key in found:
                self.mistakes.append(f"line {line}: {dotted((*place, key))}: a second one")
            found[key] = self.node((*place, key), next(self.events))
        return found

    def _inside(self) -> Iterator[yaml.Event]:
        """Yield the events that begin the values of a collection, until it ends."""
        while not isinstance(event := next(self.events), yaml.CollectionEndEvent):
            yield event


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark is not None else 1


def dotted(place: Place) -> str:
    """Return a place as people read it: "rules.0.terms.en"."""
    return ".".join(map(str, place)) or "file"
