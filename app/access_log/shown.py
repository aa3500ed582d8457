"""Which ECGs the answer to a request shows: collected by its route, stored by the access log."""

import uuid
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from fastapi import Depends, Request


class Shown:
    """The ECGs of one answer, each once, in the order they are shown."""

    def __init__(self) -> None:
        self._ids: dict[uuid.UUID, None] = {}
        self._not_named = 0

    @property
    def number(self) -> int:
        """How many there are, named or counted."""
        return len(self._ids) + self._not_named

    @property
    def ids(self) -> list[uuid.UUID]:
        """All of them."""
        return list(self._ids)

    def add(self, ids: Iterable[uuid.UUID]) -> None:
        """Add ECGs that the answer shows."""
        self._ids.update(dict.fromkeys(ids))

    def count(self, ecgs: int) -> None:
        """Count ECGs that the answer shows and that are too many to be named."""
        self._not_named += ecgs

    def add_from(self, value: Any) -> None:
        """Add every `ecg_id` that stands anywhere in a JSON value."""
        self.add(_ids_in(value))


def shown_by(request: Request) -> Shown:
    """Return the request's collection; the ECG that its path names is in it from the start."""
    shown: Shown | None = getattr(request.state, "shown", None)
    if shown is None:
        shown = request.state.shown = Shown()
        shown.add(_uuids([request.path_params.get("ecg_id")]))
    return shown


async def _shown(request: Request) -> Shown:
    return shown_by(request)


ShownDep = Annotated[Shown, Depends(_shown)]


def _ids_in(value: Any) -> Iterator[uuid.UUID]:
    if isinstance(value, dict):
        yield from _uuids([value.get("ecg_id")])
        for part in value.values():
            yield from _ids_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from _ids_in(part)


def _uuids(values: Iterable[Any]) -> Iterator[uuid.UUID]:
    for value in values:
        try:
            yield uuid.UUID(str(value))
        except ValueError:
            continue
