"""Dependencies of routes: which run in a thread."""

import inspect
from typing import Annotated

import pytest
from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from app.kit.database import request_session
from app.kit.declared import dependencies_of
from app.kit.state import from_app, made_by
from app.main import ROUTERS

ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_only_what_asks_the_database_runs_in_a_thread(route: APIRoute) -> None:
    for part in list(dependencies_of(route))[1:]:
        call = part.call
        assert call is not None
        waits = any(each.call is request_session for each in part.dependencies)
        on_the_loop = any(
            check(each)
            for each in (call, getattr(call, "__call__", None))  # noqa: B004
            for check in (inspect.iscoroutinefunction, inspect.isasyncgenfunction)
        )
        assert waits or on_the_loop, f"{call} costs a change of thread: use made_by"


def test_a_dependency_made_on_the_loop_reads_parameters_and_dependencies() -> None:
    def limit(most: int = 3) -> int:
        return most

    class Reader:
        def __init__(self, most: Annotated[int, made_by(limit)], name: str = "any") -> None:
            self.said = f"{name} {most}"

    app = FastAPI()

    @app.get("/")
    async def read(reader: Annotated[Reader, made_by(Reader)]) -> str:
        return reader.said

    client = TestClient(app)
    assert client.get("/").json() == "any 3"
    assert client.get("/?most=5&name=a").json() == "a 5"
    assert client.get("/?most=many").status_code == 422


def test_a_dependency_made_on_the_loop_gets_the_request_and_what_the_application_holds() -> None:
    def both(request: Request, held: Annotated[str, from_app("held")], name: str = "any") -> str:
        return f"{request.url.path} {held} {name}"

    def one(held: Annotated[str, from_app("held")]) -> str:
        return held

    app = FastAPI()
    app.state.held = "kept"

    @app.get("/said")
    async def read(first: Annotated[str, made_by(both)], second: Annotated[str, made_by(one)]) -> str:
        return f"{first}, {second}"

    client = TestClient(app)
    assert client.get("/said?name=a").json() == "/said kept a, kept"
