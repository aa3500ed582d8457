"""The API's page works where there is no Internet."""

import re

import httpx
import pytest


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_page_takes_nothing_from_elsewhere(client: httpx.Client, page: str) -> None:
    client.headers.pop("Authorization")
    html = client.get(page).text
    wanted = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert any(each.endswith(".js") for each in wanted)
    for each in wanted:
        assert each.startswith("/"), each
        assert client.get(each).status_code == 200, each
    assert client.get("/openapi.json").status_code == 200
