"""The page on which an ECG is tried out, and its part for a dialog."""

import httpx
import pytest

BROWSER = {"Accept": "text/html"}


def test_the_page_and_its_part(client: httpx.Client) -> None:
    page = client.get("/try-it", headers=BROWSER)
    part = client.get("/try-it", headers={"HX-Request": "true"})
    assert page.status_code == part.status_code == 200
    assert "<html" in page.text and "<html" not in part.text
    for text in (page.text, part.text):
        assert "Nothing is kept unless you ask" in text and "Atrial Fibrillation" in text


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("reader", 200)])
def test_dropping_is_for_readers(client: httpx.Client, keys: dict[str, str], role: str, status: int) -> None:
    headers = {**BROWSER, "Authorization": f"Bearer {keys[role]}"}
    assert client.get("/try-it", headers=headers).status_code == status
    assert ("drop.js" in client.get("/models", headers=headers).text) == (status == 200)
