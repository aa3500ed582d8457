"""The objects of the application, as typed dependencies of routes."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Request

from app.settings import Settings


def from_app(name: str) -> Any:
    """Return the dependency that gives a route the object `app.state.<name>`.

    Used once for each thing, beside its class: `ArchiveDep = Annotated[Archive, from_app("archive")]`.
    """

    async def get(request: Request) -> Any:
        return getattr(request.app.state, name)

    return Depends(get)


def made_by(make: Callable[..., Any]) -> Any:
    """Return the dependency that calls `make`, a class or function that never waits, with what its parameters say.

    `Depends(make)` would call it in a thread, and to change the thread takes longer than such a call.
    """

    async def call(**given: Any) -> Any:
        return make(**given)

    call.__signature__ = inspect.signature(make)  # type: ignore[attr-defined]
    return Depends(call)


SettingsDep = Annotated[Settings, from_app("settings")]
