"""The objects of the application, as typed dependencies of routes."""

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


SettingsDep = Annotated[Settings, from_app("settings")]
