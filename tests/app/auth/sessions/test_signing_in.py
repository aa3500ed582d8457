"""Signing in with a password or a link: what a browser gets, and what an attacker does not."""

import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import text

from app.auth import service
from app.auth.passwords.hashing import Passwords
from app.kit.database import Database
from app.pages.people.sign_in import own_path
from app.settings import Settings
from tests.app.auth.sessions.browser import COOKIE, PASSWORD, browser, give_password, stranger

pytestmark = pytest.mark.usefixtures("keys")
MARK = "overread-browser"


def sign_in(client: httpx.Client, name: str = "reader", password: str = PASSWORD, **headers: str) -> httpx.Response:
    return client.post("/sign-in", data={"name": name, "password": password, "next": "/account"}, headers=headers)


def me(client: httpx.Client) -> str | None:
    answer = client.get("/v1/me")
    return answer.json()["name"] if answer.status_code == 200 else None


def link(database: Database, name: str) -> str:
    with database.begin() as session:
        return service.sign_in_link(session, "test", name)


def test_a_password_opens_a_session(settings: Settings, database: Database) -> None:
    give_password(database, "reader")
    with stranger(settings) as client:
        assert me(client) is None
        answer = sign_in(client, " reader ")
        assert answer.status_code == 303 and answer.headers["location"] == "/account"
        assert me(client) == "reader"
        session, mark = answer.headers.get_list("set-cookie")
        assert session.startswith(f"{COOKIE}=") and mark.startswith(f"{MARK}=")
        for cookie in (session, mark):
            assert "; HttpOnly" in cookie and "; Path=/" in cookie and "; SameSite=lax" in cookie
            assert "Secure" not in cookie and "Domain" not in cookie
        assert "Max-Age=1209600" in session
        assert client.get("/account").status_code == 200


@pytest.mark.parametrize("by", ["the address", "the setting"])
def test_over_https_cookies_are_secure_and_of_this_host(settings: Settings, database: Database, by: str) -> None:
    give_password(database, "reader")
    if by == "the setting":
        settings = settings.model_copy(update={"public_url": "https://ecg.example.org"})
    with stranger(settings) as client:
        if by == "the address":
            client.base_url = "https://testserver"
        answer = sign_in(client)
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        for cookie in answer.headers.get_list("set-cookie"):
            assert cookie.startswith("__Host-overread") and "; Secure" in cookie and "; Path=/" in cookie
        cookies = {
            cookie.partition("=")[0]: cookie.partition("=")[2].partition(";")[0]
            for cookie in answer.headers.get_list("set-cookie")
        }
        client.cookies.clear()
        own = cookies["__Host-overread"]
        assert client.get("/v1/me", headers={"Cookie": f"__Host-overread={own}"}).status_code == 200
        assert client.get("/v1/me", headers={"Cookie": f"overread={own}"}).status_code == 401


def test_wrong_names_and_passwords_look_the_same(settings: Settings, database: Database) -> None:
    give_password(database, "reader")
    give_password(database, "researcher")
    with database.begin() as session:
        service.disable_user(session, "test", "researcher")
    with stranger(settings) as client:
        pages = []
        for name, password in (
            ("reader", "wrong"),
            ("nobody", PASSWORD),
            ("researcher", PASSWORD),  # disabled
            ("viewer", PASSWORD),  # has keys only
            ("viewer", ""),
            ("", ""),
        ):
            client.cookies.clear()
            answer = sign_in(client, name, password)
            assert answer.status_code == 403 and "set-cookie" not in answer.headers
            pages.append(re.sub(r' (value|autofocus)="[^"]*"', "", answer.text))
        assert len(set(pages)) == 1 and "The name or the password is wrong" in pages[0]
    with database.begin() as session:
        logged = session.execute(text("SELECT DISTINCT operation, status, user_id FROM access_log")).all()
    assert logged == [("sign_in", 403, None)]


def test_each_name_costs_one_hash_whether_it_exists_or_not(settings: Settings, database: Database) -> None:
    give_password(database, "reader")
    asked: list[str | None] = []

    class Counting(Passwords):
        def matches(self, stored: str | None, password: str) -> bool:
            asked.append(stored)
            return super().matches(stored, password)

    with stranger(settings) as client:
        client.app.state.passwords.__class__ = Counting  # type: ignore[attr-defined]
        for name in ("reader", "nobody", "viewer"):
            sign_in(client, name, "wrong")
    assert len(asked) == 3 and asked[0] is not None and asked[1:] == [None, None]


def test_too_many_tries_wait_and_say_how_long(settings: Settings, database: Database) -> None:
    give_password(database, "reader")
    with stranger(settings) as client:
        statuses = [sign_in(client, "reader", "wrong").status_code for _ in range(9)]
        assert statuses[:6] == [403] * 6 and statuses[-1] == 429
        with database.begin() as session:
            session.execute(text("UPDATE sign_in_tries SET free_at = now() + interval '5 minutes'"))
        answer = sign_in(client)
        assert answer.status_code == 429 and "set-cookie" not in answer.headers
        assert 298 <= int(answer.headers["retry-after"]) <= 301 and "Try again in 5 minutes" in answer.text
        client.post("/sign-in/link", data={"token": link(database, "reader")})
        assert me(client) == "reader", "a link is no try"
        client.cookies.delete(COOKIE)
        assert sign_in(client).status_code == 303, "this browser is the user's now"


def test_a_hash_of_other_parameters_is_made_again(settings: Settings, database: Database) -> None:
    with database.begin() as session:
        old = Passwords().hash(PASSWORD)
        session.execute(
            text("UPDATE users SET password = :old, password_set_at = now() WHERE name = 'reader'"), {"old": old}
        )
    with stranger(settings) as client:
        assert sign_in(client).status_code == 303
        with database.begin() as session:
            now = session.execute(text("SELECT password FROM users WHERE name = 'reader'")).scalar_one()
        assert now != old and "m=8," in now
        client.cookies.clear()
        assert sign_in(client).status_code == 303


def test_signing_in_ends_the_session_that_the_browser_had(settings: Settings, database: Database) -> None:
    """Also when somebody has planted it: a session is never carried over."""
    give_password(database, "reader")
    with stranger(settings) as client:
        sign_in(client)
        planted = client.cookies[COOKIE]
        sign_in(client)
        assert client.cookies[COOKIE] != planted
        client.cookies.set(COOKIE, planted, domain="testserver.local", path="/")
        client.cookies.clear()
        client.cookies.set(COOKIE, planted)
        assert me(client) is None


def test_another_site_signs_nobody_in(settings: Settings, database: Database) -> None:
    give_password(database, "reader")
    token = link(database, "reader")
    evil = {"Sec-Fetch-Site": "cross-site"}
    with stranger(settings) as client:
        assert sign_in(client, **evil).status_code == 403
        assert sign_in(client, Origin="https://evil.example").status_code == 403
        assert client.post("/sign-in/link", data={"token": token}, headers=evil).status_code == 403
        assert me(client) is None
        assert client.post("/sign-in/link", data={"token": token}).status_code == 303


def test_signing_out_ends_the_session_and_needs_the_token(settings: Settings, database: Database) -> None:
    with browser(settings, database, "reader") as (client, csrf):
        client.follow_redirects = False
        for refused in ({}, {"csrf": "x"}):
            assert client.post("/sign-out", data=refused).status_code == 403
        assert client.get("/sign-out").status_code == 405
        assert me(client) == "reader"
        cookie = client.cookies[COOKIE]
        answer = client.post("/sign-out", data={"csrf": csrf["X-CSRF-Token"]})
        assert answer.status_code == 303 and answer.headers["location"] == "/sign-in"
        assert f'{COOKIE}=""' in answer.headers["set-cookie"]
        client.cookies.clear()
        client.cookies.set(COOKIE, cookie)
        assert me(client) is None, "the cookie is dead, not only forgotten"
        assert client.post("/sign-out", data={"csrf": csrf["X-CSRF-Token"]}).status_code == 303, "twice does no harm"


def test_a_link_signs_in_once_and_only_by_its_button(settings: Settings, database: Database) -> None:
    token, other = link(database, "reader"), link(database, "reader")
    with stranger(settings) as client:
        for _ in range(3):  # mail scanners
            page = client.get("/sign-in/link", params={"token": token})
            assert page.status_code == 200 and "reader" in page.text and "set-cookie" not in page.headers
        assert me(client) is None
        answer = client.post("/sign-in/link", data={"token": token})
        assert answer.status_code == 303 and answer.headers["location"] == "/account"
        assert me(client) == "reader"
        client.cookies.clear()
        for used in (token, other, "", "x", "é"):
            assert client.post("/sign-in/link", data={"token": used}).status_code == 410
            page = client.get("/sign-in/link", params={"token": used}, follow_redirects=True)  # an empty one leaves
            assert page.status_code == 410


@pytest.mark.parametrize(
    "end", ["UPDATE sign_in_links SET expires_at = now()", "UPDATE users SET disabled_at = now() WHERE name = 'reader'"]
)
def test_a_link_that_is_over_signs_nobody_in(settings: Settings, database: Database, end: str) -> None:
    token = link(database, "reader")
    with database.begin() as session:
        session.execute(text(end))
    with stranger(settings) as client:
        assert client.post("/sign-in/link", data={"token": token}).status_code == 410


def test_setting_a_password_ends_all_other_sessions_and_changes_this_one(
    settings: Settings, database: Database
) -> None:
    with stranger(settings) as first, stranger(settings) as second:
        for client in (first, second):
            client.post("/sign-in/link", data={"token": link(database, "reader")})
            assert me(client) == "reader"
        token = link(database, "reader")
        before = first.cookies[COOKIE]
        csrf = csrf_of(first)
        answer = first.post("/account/password", data={"csrf": csrf, "password": PASSWORD, "again": PASSWORD})
        assert answer.status_code == 303, answer.text
        assert me(first) == "reader" and first.cookies[COOKIE] != before
        assert me(second) is None
        assert second.post("/sign-in/link", data={"token": token}).status_code == 410
        assert sign_in(second).status_code == 303
        # now the current one is needed, and counted
        statuses = [
            second.post(
                "/account/password",
                data={"csrf": csrf_of(second), "current": "wrong", "password": PASSWORD + "!", "again": PASSWORD + "!"},
            ).status_code
            for _ in range(8)
        ]
        assert statuses[:5] == [403] * 5 and statuses[-1] == 429
        assert me(first) is None or me(second) == "reader"


@pytest.mark.parametrize(
    ("password", "again", "fault"),
    [
        ("short", "short", "at least 12"),
        (PASSWORD, PASSWORD + "x", "not the same"),
        ("password1234", "password1234", "attacker"),
    ],
)
def test_a_password_that_is_not_taken_says_why(
    settings: Settings, database: Database, password: str, again: str, fault: str
) -> None:
    with stranger(settings) as client:
        client.post("/sign-in/link", data={"token": link(database, "reader")})
        answer = client.post("/account/password", data={"csrf": csrf_of(client), "password": password, "again": again})
        assert (
            answer.status_code == 422 and fault in answer.text and password not in re.sub(r"<style.*", "", answer.text)
        )
    with database.begin() as session:
        assert session.execute(text("SELECT count(password) FROM users")).scalar_one() == 0


def test_a_key_sets_no_password(client: httpx.Client) -> None:
    answer = client.post("/account/password", data={"password": PASSWORD, "again": PASSWORD})
    assert answer.status_code == 403


def test_a_page_without_a_session_leads_to_the_sign_in_and_back(settings: Settings, database: Database) -> None:
    give_password(database, "reader")
    with stranger(settings) as client:
        answer = client.get("/account?done=password")
        assert answer.status_code == 303
        where = urlsplit(answer.headers["location"])
        assert where.path == "/sign-in" and parse_qs(where.query) == {"next": ["/account?done=password"]}
        page = client.get(answer.headers["location"])
        assert 'name="next" value="/account?done=password"' in page.text
        answer = client.post("/account/keys", data={"days": "30"})
        assert answer.status_code == 303 and answer.headers["location"] == "/sign-in"


@pytest.mark.parametrize(
    "wanted",
    [
        *(
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/ /evil",
        ),
        *(
            "javascript:alert(1)",
            "evil",
            "",
            " /account",
            "/\n/evil.example",
            "/sign-out",
            "/sign-in",
            "http:/evil",
            "/v1/me",
        ),
        *("///evil.example", "/%0a/evil\r\nSet-Cookie: a=b", "/\u2028/evil"),
    ],
)
def test_signing_in_leads_to_our_own_pages_alone(settings: Settings, database: Database, wanted: str) -> None:
    give_password(database, "reader")
    assert own_path(wanted) in {"/disagreement", "/\u2028/evil"}
    with stranger(settings) as client:
        answer = client.post("/sign-in", data={"name": "reader", "password": PASSWORD, "next": wanted})
        where = httpx.URL("http://testserver/sign-in").join(answer.headers["location"])
        assert answer.status_code == 303 and where.host == "testserver" and where.scheme == "http"


@pytest.mark.parametrize("wanted", ["/account", "/disagreement?site=north&group_by=sex", "/ecgs/1#a", "/a//b", "/"])
def test_an_own_path_is_kept(wanted: str) -> None:
    assert own_path(wanted) == wanted


def test_nobody_can_send_a_long_body_to_the_door(settings: Settings) -> None:
    with stranger(settings) as client:
        assert client.post("/sign-in", data={"name": "a" * 20_000}).status_code in (303, 401)
        assert client.post("/sign-in", files={"name": b"x"}).status_code in (303, 401)
        assert client.post("/sign-in", data={"name": "a" * 300}).status_code == 422
        assert client.post("/sign-in", data={"name": "a", "role": "admin"}).status_code == 422


def csrf_of(client: httpx.Client) -> str:
    return re.findall(r'<meta name="csrf" content="([^"]*)">', client.get("/account").text)[0]
