"""The API's page works where there is no Internet."""

import json
import re

import httpx
import pytest
from fastapi import FastAPI


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


def test_operations_have_short_names_and_each_its_own(described: FastAPI) -> None:
    page = described.openapi()
    names = [operation["operationId"] for path in page["paths"].values() for operation in path.values()]
    assert len(set(names)) == len(names) >= 40
    assert {name for name in names if not re.fullmatch("[a-z_]{3,40}", name) or "v1" in name} == set()


def test_every_file_part_is_binary(described: FastAPI) -> None:
    page = described.openapi()
    forms = [
        content["multipart/form-data"]["schema"]
        for path in page["paths"].values()
        for operation in path.values()
        if "multipart/form-data" in (content := operation.get("requestBody", {}).get("content", {}))
    ]
    assert len(forms) >= 3
    for form in forms:
        schema = page["components"]["schemas"][form["$ref"].rpartition("/")[2]] if "$ref" in form else form
        fields = schema["properties"]
        file = next(fields[name] for name in ("file", "bundle", "archive") if name in fields)
        file = file.get("items", file)
        assert file["format"] == "binary"
        assert not any("anyOf" in field for field in fields.values())  # no field of a form is null


def test_what_the_preset_decides_has_no_default(described: FastAPI) -> None:
    schemas = described.openapi()["components"]["schemas"]
    assert "default" not in json.dumps(schemas["TrainingIn"]["properties"]["overrides"])
    for name in ("Overrides", "SelfTrainingOptions", "ContrastiveOptions", "TextOptions"):
        assert [field for field, shown in schemas[name]["properties"].items() if "default" in shown] == []
    assert schemas["TrainingIn"]["properties"]["paradigm"]["default"] == "supervised"  # what is so without a preset
