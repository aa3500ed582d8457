"""OpenAPI shows an example of every answer and of every request, and each is one that the service could give or take."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter

from app.datasets.schemas import FROZEN, NORTH, DatasetIn
from app.evaluations.schemas import MEASURED, MEASURED_CSV
from app.kit.pagination import NEXT, decode
from app.main import ROUTERS, create_app
from app.models.schemas import MANIFEST
from app.predictions.schemas import PredictionIn
from app.settings import Settings
from app.studies.schemas import STUDY, TABLE_CSV
from app.vocabularies.schemas import NORTH_2, ExtractIn, ExtractOut
from ml.bundles.bundle import Manifest
from ml.labeling import Vocabulary, builtin_labeler

ROUTES = [
    pytest.param(method.lower(), route, id=f"{method} {route.path_format}")
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods)
]
BINARY = {
    "application/dicom",
    "application/vnd.apache.parquet",
    "application/vnd.overread.packed",
    "application/octet-stream",
    "application/pdf",
    "application/x-tar",
    "image/png",
}


def models(of: type[BaseModel] = BaseModel) -> Iterator[type[BaseModel]]:
    for model in of.__subclasses__():
        if model.__module__.startswith("app."):
            yield model
        yield from models(model)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    url = "postgresql+psycopg://nobody@127.0.0.1/nothing"  # describing asks no database
    return create_app(Settings(database_url=url, data_dir=tmp_path_factory.mktemp("data"), _env_file=None)).openapi()


def answers(page: dict[str, Any], method: str, route: APIRoute) -> Iterator[tuple[int, str, dict[str, Any]]]:
    for status, answer in page["paths"][route.path_format][method]["responses"].items():
        if status.startswith("2"):
            for media_type, content in answer.get("content", {}).items():
                yield int(status), media_type, content


def shown(page: dict[str, Any], content: dict[str, Any]) -> list[Any]:
    """The examples of a body, the first one as the page shows it."""
    return [content["example"]] if "example" in content else put_together(page, content["schema"])


def put_together(page: dict[str, Any], node: dict[str, Any]) -> list[Any]:
    """A schema's examples; where it has none, one made of its parts'."""
    if "$ref" in node:
        return put_together(page, page["components"]["schemas"][node["$ref"].rpartition("/")[2]])
    if "examples" in node:
        examples: list[Any] = node["examples"]
        return examples
    if node.get("type") == "array":
        return [[put_together(page, node["items"])[0]]]
    if "properties" in node:
        return [{name: put_together(page, part)[0] for name, part in node["properties"].items()}]
    raise LookupError(f"no example of {node}")


def test_every_operation_is_looked_at(page: dict[str, Any]) -> None:
    described = {(method, path) for path, methods in page["paths"].items() for method in methods}
    assert described == {(method, route.path_format) for method, route in (each.values for each in ROUTES)}


def test_a_missing_example_is_noticed(page: dict[str, Any]) -> None:
    body = {
        "type": "object",
        "properties": {"known": {"type": "string", "examples": ["a"]}, "bare": {"type": "string"}},
    }
    with pytest.raises(LookupError):
        put_together(page, body)


@pytest.mark.parametrize(("method", "route"), ROUTES)
def test_every_answer_has_an_example_of_its_model(page: dict[str, Any], method: str, route: APIRoute) -> None:
    found = list(answers(page, method, route))
    assert found or "204" in page["paths"][route.path_format][method]["responses"]  # which has no body
    for status, media_type, content in found:
        if media_type in BINARY:
            continue
        example = shown(page, content)[0]
        if media_type == "application/fhir+json":
            assert example["resourceType"] == "Bundle"
            continue
        if media_type != "application/json":
            assert isinstance(example, str) and example
            continue
        model = route.responses.get(status, {}).get("model", route.response_model)
        adapter = TypeAdapter(model if model is not None else dict[str, Any])
        # there and back: a field too many would be left out, one too few filled in
        assert json.loads(adapter.dump_json(adapter.validate_json(json.dumps(example)))) == example


@pytest.mark.parametrize(("method", "route"), ROUTES)
def test_every_request_has_an_example_that_is_taken(page: dict[str, Any], method: str, route: APIRoute) -> None:
    content = page["paths"][route.path_format][method].get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return
    for example in shown(page, content):
        if route.body_field is None:  # read by hand, for it may be a form as well
            assert route.path_format == "/v1/predictions"
            PredictionIn.model_validate(example)
        else:
            assert route.body_field.validate(example, {}, loc=("body",))[1] == []


@pytest.mark.parametrize(("method", "route"), ROUTES)
def test_every_parameter_of_free_words_has_an_example(page: dict[str, Any], method: str, route: APIRoute) -> None:
    for parameter in page["paths"][route.path_format][method].get("parameters", []):
        schema = parameter["schema"]
        for part in schema.get("anyOf", [schema]):
            words = part.get("items", part)
            if words.get("type") == "string" and not {"enum", "const"} & set(words) and words.get("format") != "uuid":
                assert schema.get("examples"), parameter["name"]
    for field in get_flat_params(route.dependant):
        for example in field.field_info.examples or []:
            assert field.validate(example, {}, loc=(field.alias,))[1] == []


@pytest.mark.parametrize("model", sorted(set(models()), key=str))
def test_the_examples_a_model_has_or_inherits_are_examples_of_it(model: type[BaseModel]) -> None:
    extra = model.model_config.get("json_schema_extra") or {}
    assert isinstance(extra, dict)
    examples = extra.get("examples", [])
    assert isinstance(examples, list)
    for example in examples:
        model.model_validate_json(json.dumps(example))


def test_examples_are_what_the_code_behind_them_says() -> None:
    [asked], [answered] = (model.model_config["json_schema_extra"]["examples"] for model in (ExtractIn, ExtractOut))
    reading = builtin_labeler().read(asked["text"])
    assert all(finding in [each._asdict() for each in reading.findings] for finding in answered["findings"])

    vocabulary = Vocabulary.parse(NORTH_2["yaml"])
    assert (vocabulary.version, vocabulary.policy.model_dump()) == (NORTH_2["version"], NORTH_2["policy"])

    assert DatasetIn.model_validate(NORTH).model_dump(mode="json", by_alias=True, exclude_none=True) == FROZEN
    assert decode(NEXT) is not None


def test_examples_of_files_have_the_shape_of_those_files() -> None:
    from ml.evaluation.csv_rows import as_csv, metric_rows
    from ml.study.tables import every_arm, table_1

    Manifest.model_validate(MANIFEST)
    assert as_csv(metric_rows({reading: MEASURED[reading] for reading in ("overread", "machine")})).startswith(
        MEASURED_CSV
    )
    assert as_csv(STUDY["table_a1"]) == TABLE_CSV
    assert table_1(STUDY) and every_arm(STUDY)
