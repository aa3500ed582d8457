"""Adding terms to a vocabulary's file as text, so that its comments and its order stay as somebody wrote them."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import yaml

from ml.labeling.yaml_text import NotYaml, read_yaml


class Unamendable(ValueError):
    """Nothing can be added to a file as text; the message says why."""


class Addition(NamedTuple):
    """A term that is added: what it mentions (no label: it takes words away), in which language."""

    label: str | None
    language: str
    term: str


class _Rules(NamedTuple):
    """Where a file's rules are: whether in brackets, the column of their dashes, and the place after the last one."""

    in_brackets: bool
    column: int
    end: int


def amended(text: str, additions: Sequence[Addition], version: str) -> str:
    """Return a vocabulary's file with another version and with terms behind its rules, the rest as it was.

    Each term is a rule of its own at the end: of rules with the same words the last one counts, so none hides it.
    The result is compared with the file, value by value. Raises `Unamendable` where it is not what was asked for.
    """
    before = _plain(text)
    rules = [_rule(each) for each in additions]
    wanted = {**before, "version": version, "rules": [*before.get("rules", []), *rules]}
    (start, end), place = _places(text)
    inserted = _written(text, place, additions)
    made = text[:start] + version + text[end : place.end] + inserted + text[place.end :]
    if start > place.end:
        made = text[: place.end] + inserted + text[place.end : start] + version + text[end:]
    if _plain(made) != wanted:
        raise Unamendable("this file is written in a way that nothing can be added to; change it by hand")
    return made


def next_version(version: str, taken: frozenset[str]) -> str:
    """Return the first free version after one: `north-2.1` after `north-2`, `north-2.2` after `north-2.1`."""
    stem, number = version, 0
    if match := re.fullmatch(r"(.+)\.([0-9]{1,9})", version):
        stem, number = match[1], int(match[2])
    stem = stem[:80]
    return next(name for step in range(1, len(taken) + 2) if (name := f"{stem}.{number + step}") not in taken)


def _plain(text: str) -> dict[str, Any]:
    try:
        found = read_yaml(text).plain()
    except NotYaml as error:
        raise Unamendable(str(error)) from error
    if not isinstance(found, dict):
        raise Unamendable("the file is no mapping")
    return found


def _rule(added: Addition) -> dict[str, Any]:
    labels = {} if added.label is None else {"labels": [added.label]}
    return {**labels, "terms": {added.language: [added.term]}}


def _written(text: str, place: _Rules, additions: Sequence[Addition]) -> str:
    if place.in_brackets:
        return "".join(f", {_in_brackets(each)}" for each in additions)
    indent = " " * place.column
    lines = []
    for each in additions:
        labels = f"labels: [{each.label}]\n{indent}  " if each.label is not None else ""
        lines.append(f"{indent}- {labels}terms: {_terms(each)}\n")
    return "".join(lines) if text[: place.end].endswith("\n") else "\n" + "".join(lines)


def _in_brackets(added: Addition) -> str:
    labels = "" if added.label is None else f"labels: [{added.label}], "
    return f"{{{labels}terms: {_terms(added)}}}"


def _terms(added: Addition) -> str:
    quoted = "'" + added.term.replace("'", "''") + "'"
    return f"{{{added.language}: [{quoted}]}}"


def _places(text: str) -> tuple[tuple[int, int], _Rules]:
    """Return where the version is written, and where the rules are."""
    version: tuple[int, int] | None = None
    rules: _Rules | None = None
    for key, events in _top_level(text):
        first, last = events[0], events[-1]
        if key == "version":
            version = _start(first).index, _end(first).index
        elif key == "rules" and isinstance(first, yaml.SequenceStartEvent) and len(events) > 2:
            if first.flow_style:
                rules = _Rules(True, 0, _start(last).index)
            else:
                written = (each for each in reversed(events) if _is_written(each))
                end = _end(next(written)).index
                line_end = text.find("\n", end) + 1 or len(text)
                rules = _Rules(False, _start(first).column, end if text[:end].endswith("\n") else line_end)
    if version is None or rules is None:
        raise Unamendable("the file has no version, or no rules")
    return version, rules


def _start(event: yaml.Event) -> Any:
    """Return the mark where an event begins: a parser of text gives every event one."""
    assert event.start_mark is not None
    return event.start_mark


def _end(event: yaml.Event) -> Any:
    assert event.end_mark is not None
    return event.end_mark


def _is_written(event: yaml.Event) -> bool:
    """Return whether an event stands for characters of the file: not the end of a list without brackets."""
    return not isinstance(event, yaml.CollectionEndEvent) or _end(event).index > _start(event).index


def _top_level(text: str) -> Iterator[tuple[str, list[yaml.Event]]]:
    """Yield the keys of the file's mapping, each with the events of its value."""
    all_events = yaml.parse(text, Loader=yaml.SafeLoader)
    events = (event for event in all_events if isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent))
    next(events)  # the mapping itself
    for key in events:
        if isinstance(key, yaml.CollectionEndEvent):
            return
        value: list[yaml.Event] = [next(events)]
        depth = int(isinstance(value[0], yaml.CollectionStartEvent))
        while depth:
            value.append(event := next(events))
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        yield getattr(key, "value", ""), value
