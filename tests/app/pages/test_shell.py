"""What all pages share: headers, static files, problems as pages."""

import httpx
import pytest
from fastapi import FastAPI

from app.pages.shell import SECURITY

BROWSER = {"Accept": "text/html,application/xhtml+xml"}


def test_a_problem_is_a_page_for_a_browser_and_json_for_a_program(client: httpx.Client) -> None:
    page = client.get("/nothing-here", headers=BROWSER)
    assert page.status_code == 404 and page.headers["content-type"].startswith("text/html")
    assert "There is no such page" in page.text
    assert client.get("/nothing-here").headers["content-type"] == "application/problem+json"
    assert client.get("/v1/ecgs/nothing", headers=BROWSER).headers["content-type"] == "application/problem+json"


def test_a_part_gets_a_part(client: httpx.Client) -> None:
    part = client.get("/nothing-here", headers={"HX-Request": "true"})
    assert part.status_code == 404 and part.text.lstrip().startswith("<section")


@pytest.mark.parametrize("name", SECURITY)
def test_pages_have_the_headers_of_security(client: httpx.Client, name: str) -> None:
    assert client.get("/nothing-here", headers=BROWSER).headers[name] == SECURITY[name]


def test_a_static_file_is_kept_under_its_version_alone(client: httpx.Client) -> None:
    assert "immutable" in client.get("/static/base.css?v=1").headers["cache-control"]
    assert client.get("/static/base.css").headers["cache-control"] == "no-cache"
    assert client.get("/static/../shell.py").status_code == 404
    assert client.get("/static/%2e%2e/shell.py").status_code == 404


@pytest.mark.parametrize(("value", "written"), [(-0.001, "0.00"), (-0.01, "\u22120.01"), (None, "–"), (2.345, "2.35")])
def test_numbers_are_written_for_people(described: FastAPI, value: float | None, written: str) -> None:
    template = described.state.pages.templates.from_string("{{ value | decimals }}")
    assert template.render(value=value) == written


def test_browsers_find_the_icon_where_no_page_names_it(client: httpx.Client) -> None:
    icon = client.get("/favicon.ico", headers={"Authorization": ""})
    assert (icon.status_code, icon.headers["content-type"]) == (200, "image/svg+xml")
    assert icon.content.startswith(b"<svg")
    assert client.head("/favicon.ico").status_code == 200
