"""The objects of the application, as typed dependencies of routes."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_args

from fastapi import Depends, Request, params

from app.settings import Settings

_NAME = "name_in_app"


def from_app(name: str) -> Any:
    """Return the dependency that gives a route the object `app.state.<name>`.

    Used once for each thing, beside its class: `ArchiveDep = Annotated[Archive, from_app("archive")]`.
    """

    async def get(request: Request) -> Any:
        return getattr(request.app.state, name)

    vars(get)[_NAME] = name
    return Depends(get)


def made_by(make: Callable[..., Any]) -> Any:
    """Return the dependency that calls `make`, a class or function that never waits, with what its parameters say.

    `Depends(make)` would call it in a thread, and to change the thread takes longer than such a call. What the
    application holds is taken from it here: as dependencies of their own, each would take FastAPI some 20 µs a request.
    """
    parameters = inspect.signature(make).parameters.values()
    held = {each.name: name for each in parameters if (name := _name_in_app(each.annotation)) is not None}
    own = next((each.name for each in parameters if each.annotation is Request), None)  # FastAPI gives one parameter it
    asked = own or "request_"

    async def call(**given: Any) -> Any:
        state = (given[asked] if own else given.pop(asked)).app.state
        return make(**{parameter: getattr(state, name) for parameter, name in held.items()}, **given)

    others = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters if each.name not in held]
    if own is None:
        others.append(inspect.Parameter(asked, inspect.Parameter.KEYWORD_ONLY, annotation=Request))
    call.__signature__ = inspect.Signature(others)  # type: ignore[attr-defined]
    return Depends(call)


def _name_in_app(annotation: Any) -> str | None:
    """Return which object of the application a parameter is declared to be, if any."""
    depends = [each for each in get_args(annotation)[1:] if isinstance(each, params.Depends)]
    return getattr(depends[0].dependency, _NAME, None) if depends else None


SettingsDep = Annotated[Settings, from_app("settings")]
