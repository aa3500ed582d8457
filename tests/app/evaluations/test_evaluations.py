"""What an evaluation may be asked for, and who may ask."""

import httpx

NOBODY = "5b2c1b0e-0000-4000-8000-000000000000"


def test_an_evaluation_of_nothing_is_refused(client: httpx.Client) -> None:
    answer = client.post("/v1/evaluations", json={"model": NOBODY, "compare_with": NOBODY, "dataset": NOBODY})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "dataset"
    assert client.get(f"/v1/evaluations/{NOBODY}").status_code == 404


def test_only_researchers_start_evaluations(client: httpx.Client, keys: dict[str, str]) -> None:
    viewer = {"Authorization": f"Bearer {keys['viewer']}"}
    answer = client.post("/v1/evaluations", json={"model": NOBODY, "dataset": NOBODY}, headers=viewer)
    assert answer.status_code == 403
