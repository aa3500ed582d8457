"""What all pages share: templates, the answer with its security headers, static files, and pages for problems."""

import hashlib
import json
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.auth.access import Asking, csrf_token
from app.auth.tables import User
from app.kit.problems import Problem
from app.kit.state import from_app
from app.pages.empty_fields import WithoutEmptyFields
from app.pages.navigation import lines_for

STATIC = Path(__file__).parent / "static"
NOT_PAGES = ("/v1/", "/static/", "/favicon.ico", "/docs", "/redoc", "/openapi.json", "/healthz", "/readyz", "/metrics")

SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
"""Headers of every page. Nothing of a page is kept: neither by the browser's cache nor by one in between."""

HTMX = {
    "allowEval": False,
    "allowScriptTags": False,
    "includeIndicatorStyles": False,
    "selfRequestsOnly": True,
    "historyCacheSize": 0,  # it would keep pages, and with them patients, in the browser's storage
    "refreshOnHistoryMiss": True,
    "responseHandling": [
        {"code": "204", "swap": False},
        {"code": "[23]..", "swap": True},
        {"code": "[45]..", "swap": True, "error": True, "target": "#problem", "swapOverride": "innerHTML"},
    ],
}


PROBLEMS = {"blind_reading_open": "reviews/blind_problem"}
"""Problems that have a page of their own."""


class Pages:
    """Makes the answers of pages from templates."""

    def __init__(self) -> None:
        self._versions: dict[str, str] = {}
        self.templates = Environment(
            loader=PackageLoader("app.pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.templates.globals |= {
            "static": self.static,
            "htmx_config": json.dumps(HTMX),
            "csrf_field": _csrf_field,
            "query": _query,
        }
        self.templates.filters |= {"count": _count, "decimals": _decimals, "percent": _percent, "when": _when}

    def static(self, name: str) -> str:
        """Return the address of a static file. It changes with the file, so browsers may keep the file."""
        if name not in self._versions:
            self._versions[name] = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
        return f"/static/{name}?v={self._versions[name]}"

    def answer(
        self, request: Request, template: str, *, user: User | Asking | None, status: int = 200, **context: Any
    ) -> HTMLResponse:
        """Return a page, or for htmx the part that it asks for. `user` is None where nobody has signed in."""
        path = request.url.path
        shared = {
            "request": request,
            "user": user,
            "nav": lines_for(user.role if user is not None else None, path),
            "csrf": csrf_token(request),
            "is_part": is_htmx(request),
        }
        html = self.templates.get_template(template).render(**shared, **context)
        return HTMLResponse(html, status, headers=_headers(request))

    def problem(self, request: Request, problem: Problem) -> Response | None:
        """Return the page of a problem; None where the client is a program, which gets problem+json."""
        if not _is_for_people(request):
            return None
        if problem.status_code == 401:
            return _to_sign_in(request)
        # no navigation: who is asking is not known wherever a request ends
        template = PROBLEMS.get(problem.code, "problem")
        answer = self.answer(
            request,
            f"{template}_part.html" if is_htmx(request) else f"{template}.html",
            user=getattr(request.state, "user", None),
            status=problem.status_code,
            problem=problem,
            title=HTTPStatus(problem.status_code).phrase,
            request_id=getattr(request.state, "request_id", None),
        )
        answer.headers.update(problem.headers or {})
        return answer


PagesDep = Annotated[Pages, from_app("pages")]


class CachedFiles(StaticFiles):
    """Static files: kept by browsers under a versioned address, asked for again under a plain one."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file with its caching header."""
        response = await super().get_response(path, scope)
        versioned = b"v=" in scope.get("query_string", b"")
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if versioned else "no-cache"
        return response


@cache
def _pages() -> Pages:
    return Pages()  # one a process: compiled templates hold nothing of an application


def install(app: FastAPI) -> None:
    """Give an application its pages' templates and static files, and its problems their pages."""
    app.state.pages = _pages()
    app.state.problem_page = app.state.pages.problem
    app.add_middleware(WithoutEmptyFields, apart=NOT_PAGES)
    app.add_route("/favicon.ico", _icon, include_in_schema=False)
    app.mount("/static", CachedFiles(directory=STATIC), name="static")


async def _icon(request: Request) -> Response:
    """Answer browsers, which ask for this address where no page names another: of CSV, SVG and API answers."""
    headers = {"Cache-Control": "public, max-age=86400"}
    return FileResponse(STATIC / "icon.svg", media_type="image/svg+xml", headers=headers)


def is_htmx(request: Request) -> bool:
    """Return whether htmx asks for a part of a page."""
    return request.headers.get("hx-request") == "true" and request.headers.get("hx-boosted") != "true"


def go_to(request: Request, path: str) -> Response:
    """Return the answer after which the browser shows another page. `path` is one of ours."""
    if is_htmx(request):
        return Response(status_code=204, headers={**_headers(request), "HX-Redirect": path})
    return RedirectResponse(path, 303, headers=_headers(request))


def _is_for_people(request: Request) -> bool:
    if request.url.path.startswith(NOT_PAGES):
        return False
    return "hx-request" in request.headers or "text/html" in request.headers.get("accept", "")


def _to_sign_in(request: Request) -> Response:
    if is_htmx(request):  # the address of the page, not of its part
        return Response(status_code=401, headers={**_headers(request), "HX-Refresh": "true"})
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method != "GET":  # a form, whose address is no page
        return RedirectResponse("/sign-in", 303, headers=_headers(request))
    return RedirectResponse(f"/sign-in?next={quote(wanted, safe='')}", 303, headers=_headers(request))


def _headers(request: Request) -> dict[str, str]:
    https = {"Strict-Transport-Security": "max-age=31536000"} if request.app.state.cookies.is_https(request) else {}
    return {**SECURITY, **https, "Vary": "HX-Request"}


@pass_context
def _csrf_field(context: Context) -> Markup:
    return Markup('<input type="hidden" name="csrf" value="{}">').format(context["csrf"])


@pass_context
def _query(context: Context, path: str | None = None, **changed: Any) -> str:
    """Return an address with the request's parameters, some of them changed; None removes one."""
    request: Request = context["request"]
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in changed]
    new = [(name, each) for name, value in changed.items() for each in _listed(value)]
    return f"{path or request.url.path}?{urlencode(kept + new)}" if kept + new else path or request.url.path


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _count(value: int | None) -> str:
    """Return a number of things with thin spaces between thousands."""
    return "–" if value is None else f"{value:,}".replace(",", "\u202f")


def _decimals(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:z.{digits}f}".replace("-", "\u2212")


def _percent(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{_decimals(value, digits)}\u202f%"


def _when(value: datetime | None) -> Markup:
    """Return a time as the reader's browser writes it in the reader's zone; without JavaScript in UTC."""
    if value is None:
        return Markup('<span class="muted">–</span>')
    at = value.astimezone(UTC)
    return Markup('<time datetime="{}" data-local>{:%Y-%m-%d %H:%M} UTC</time>').format(at.isoformat(), at)
