"""Signing in with a password or a link, and signing out. Nobody needs to be signed in for that."""

import re
from typing import Annotated, NoReturn
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Query, Request, Response

from app.auth.sessions import csrf, service
from app.auth.sessions.signing_in import Opened, SigningInDep, TooManyTries, WrongPassword
from app.kit.database import DatabaseDep
from app.kit.problems import Problem
from app.kit.state import SettingsDep
from app.pages.home.routes import FIRST_PAGE
from app.pages.shell import PagesDep, go_to

router = APIRouter(include_in_schema=False)

_OWN_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")

Token = Annotated[str, Query(max_length=100)]


def own_path(wanted: str) -> str:
    """Return a path of ours to go to after signing in; the first page where `wanted` leads anywhere else."""
    parts = urlsplit(wanted) if _OWN_PATH.fullmatch(wanted) else None
    if parts is None or parts.scheme or parts.netloc or parts.path.startswith(("/sign-", "/v1/")):
        return FIRST_PAGE
    return wanted


@router.get("/sign-in")
async def show_sign_in(
    request: Request, pages: PagesDep, wanted: Annotated[str, Query(alias="next", max_length=2000)] = ""
) -> Response:
    """Ask for name and password."""
    return _form(request, pages, wanted=own_path(wanted))


@router.post("/sign-in")
async def sign_in(
    request: Request,
    pages: PagesDep,
    signing_in: SigningInDep,
    name: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    wanted: Annotated[str, Form(alias="next", max_length=2000)] = "",
) -> Response:
    """Sign in, or say that name or password is wrong, never which."""
    csrf.check_origin(request, signing_in.settings)
    wanted, name = own_path(wanted), name.strip()
    try:
        opened = await signing_in.by_password(request, name, password)
    except WrongPassword:
        # 403: the access log has it
        return _form(request, pages, wanted=wanted, name=name, status=403, wrong=True)
    except TooManyTries as error:
        answer = _form(request, pages, wanted=wanted, name=name, status=429, wait=error.seconds)
        answer.headers["Retry-After"] = str(error.seconds)
        return answer
    return signed_in(request, signing_in, opened, wanted)


@router.get("/sign-in/link")
async def show_link(request: Request, pages: PagesDep, database: DatabaseDep, token: Token = "") -> Response:
    """Show a button that uses a sign-in link up. Opening the link does not: mail scanners open links."""
    user = await database.run(lambda session: service.user_of_link(session, token))
    if user is None:
        _gone()
    return pages.answer(
        request, "people/link.html", user=None, title="Sign in", token=token, name=user.name, role=user.role
    )


@router.post("/sign-in/link")
async def use_link(
    request: Request, signing_in: SigningInDep, token: Annotated[str, Form(max_length=100)] = ""
) -> Response:
    """Sign in by a link, once."""
    csrf.check_origin(request, signing_in.settings)
    opened = await signing_in.by_link(request, token)
    if opened is None:
        _gone()
    return signed_in(request, signing_in, opened, "/account")


@router.post("/sign-out")
async def sign_out(
    request: Request, signing_in: SigningInDep, settings: SettingsDep, given_token: csrf.GivenToken
) -> Response:
    """End the session of this browser."""
    csrf.check_origin(request, settings)
    token = signing_in.cookies.read(request)
    if token is not None:
        csrf.check_token(request, token, given_token)
        await signing_in.out(request)
    answer = go_to(request, "/sign-in")
    signing_in.cookies.clear(request, answer)
    return answer


def signed_in(request: Request, signing_in: SigningInDep, opened: Opened, path: str) -> Response:
    """Return the answer that gives a browser its new session, and shows a page."""
    answer = go_to(request, path)
    signing_in.cookies.set(request, answer, opened.cookie, opened.user.name)
    return answer


def _form(
    request: Request,
    pages: PagesDep,
    *,
    wanted: str,
    name: str = "",
    status: int = 200,
    wrong: bool = False,
    wait: int | None = None,
) -> Response:
    context = {"wanted": wanted, "name": name, "wrong": wrong, "wait": in_words(wait) if wait is not None else None}
    return pages.answer(request, "people/sign_in.html", user=None, status=status, title="Sign in", **context)


def in_words(seconds: int) -> str:
    """Return a wait as people say it."""
    if seconds < 90:
        return "1 second" if seconds == 1 else f"{seconds} seconds"
    return f"{(seconds + 59) // 60} minutes"


def _gone() -> NoReturn:
    raise Problem(
        410,
        "link_used",
        "This link was used, or has expired: each works once, for 15 minutes. Ask an admin for another one; on the "
        "server, `overread user link NAME` prints one.",
    )
