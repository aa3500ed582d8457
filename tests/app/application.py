"""An application for a test, quickly."""

from fastapi import FastAPI
from starlette.routing import BaseRoute

from app.main import create_app
from app.settings import Settings

_ROUTES: dict[int, list[BaseRoute]] = {}


def application(settings: Settings) -> FastAPI:
    """Return `create_app(settings)` with the routes of the process's first application.

    FastAPI builds its routes at an application's first request, which takes most of a short test's time. Routes hold
    nothing of an application but the limit of a form's parts.
    """
    app = create_app(settings)
    app.router.routes = _ROUTES.setdefault(settings.max_upload_bytes, app.router.routes)
    return app
