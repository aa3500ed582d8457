"""The pages of what became of readings: one's own figures, an admin's choice of readers, refusals."""

import httpx

HTML = {"Accept": "text/html"}


def get(client: httpx.Client, keys: dict[str, str], role: str, path: str) -> httpx.Response:
    return client.get(path, headers={**HTML, "Authorization": f"Bearer {keys[role]}"})


def test_figures_of_few_readings_are_not_shown(client: httpx.Client, keys: dict[str, str]) -> None:
    page = get(client, keys, "reader", "/reviews/quality")
    assert page.status_code == 200, page.text
    assert "not enough yet: 0 of" in page.text and 'name="reader"' not in page.text


def test_an_admin_chooses_a_reader_and_nobody_else(client: httpx.Client, keys: dict[str, str]) -> None:
    page = get(client, keys, "admin", "/reviews/quality?reader=reader&mode=assisted")
    assert page.status_code == 200 and '<option value="reader" selected>' in page.text
    assert get(client, keys, "reader", "/reviews/quality?reader=admin").status_code == 403
    assert get(client, keys, "viewer", "/reviews/quality").status_code == 403
    assert get(client, keys, "admin", "/reviews/quality?reader=nobody").status_code == 422


def test_a_digest_of_nothing_says_so(client: httpx.Client, keys: dict[str, str]) -> None:
    page = get(client, keys, "reader", "/reviews/digest")
    assert page.status_code == 200 and "Nobody has changed a reading of yours" in page.text
