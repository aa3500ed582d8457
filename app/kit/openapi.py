"""OpenAPI for generated clients: binary parts, examples as written, no default where a preset decides.

FastAPI removes every null from examples, and pydantic sorts their keys.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema

from app.kit.problems import responses

REF = "#/components/schemas/"
EVERYWHERE = (409, 413, 422, 500, 503)
"""Of a user who reads an ECG blind, of the middleware, of what every operation refuses, of a database that is away."""


def operation_id(route: APIRoute) -> str:
    """Return the name of a route's function: what a generated client calls the operation."""
    return route.name


def complete(
    app: FastAPI, routers: Sequence[APIRouter], *, by_hand: Sequence[type[BaseModel]], preset_decides: type[BaseModel]
) -> None:
    """Complete the OpenAPI description that FastAPI makes of an application.

    `by_hand`: models of bodies that a route reads itself. `preset_decides`: a model whose absent fields have the
    preset's values, so its description has no defaults.
    """
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            description = generate()
            schemas = description["components"]["schemas"]
            restore_examples(description, routers)
            for model in by_hand:
                schemas[model.__name__] = model.model_json_schema(ref_template=REF + "{model}")
            _describe_forms(description)
            _describe_headers(description)
            _leave_out_defaults(schemas, preset_decides.__name__)
            _declare_problems(description)
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]


class AsWritten(GenerateJsonSchema):
    """Keeps the order of keys."""

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:
        """Return the value unsorted."""
        return value


def restore_examples(description: dict[str, Any], routers: Sequence[APIRouter]) -> None:
    """Write the examples of models and answers into a description as they were written."""
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    _, written = models_json_schema([(model, "serialization") for model in _models(routes)], schema_generator=AsWritten)
    schemas = description["components"]["schemas"]
    for name, schema in written["$defs"].items():
        if "examples" in schema:
            schemas[name]["examples"] = schema["examples"]
    for route in routes:
        for method in route.methods or ():
            answers = description["paths"][route.path_format][method.lower()]["responses"]
            for status, answer in route.responses.items():
                for media_type, content in answer.get("content", {}).items():
                    if "example" in content:
                        answers[str(status)]["content"][media_type]["example"] = content["example"]


def _models(routes: Sequence[APIRoute]) -> list[type[BaseModel]]:
    """Return the models of requests and answers; the models inside them are included later."""
    models = [each.get("model") for route in routes for each in route.responses.values()]
    for route in routes:
        models += [route.response_model, route.body_field and route.body_field.field_info.annotation]
    return [model for model in dict.fromkeys(models) if isinstance(model, type) and issubclass(model, BaseModel)]


def _describe_forms(description: dict[str, Any]) -> None:
    """Describe forms as they are sent: a file part is `format: binary`, and no field is null but absent."""
    for node in _nodes(description["paths"]):
        form = node.get("multipart/form-data", {}).get("schema", {})
        if "$ref" in form:
            form = description["components"]["schemas"][form["$ref"].removeprefix(REF)]
        for name, field in form.get("properties", {}).items():
            form["properties"][name] = _without_null(field)
    for node in _nodes(description):
        if node.get("type") == "string" and "contentMediaType" in node:
            node["format"] = "binary"


def _describe_headers(description: dict[str, Any]) -> None:
    """Describe each header as one string: generators of clients know no list of headers."""
    for node in _nodes(description["paths"]):
        if node.get("in") == "header" and isinstance(node.get("schema"), dict):
            schema = _without_null(node["schema"])
            if schema.get("type") == "array":
                examples = [example for listed in schema.get("examples", []) for example in listed]
                about = {name: value for name, value in schema.items() if name in ("title", "description")}
                schema = {**about, **schema["items"], "examples": examples}
            node["schema"] = schema


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    kinds = [kind for kind in field.get("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return field
    return {**kinds[0], **{name: value for name, value in field.items() if name != "anyOf"}}


def _leave_out_defaults(schemas: Mapping[str, Any], name: str) -> None:
    """Remove the defaults of a schema and of the schemas in it: a client would send them and override the preset."""
    for referring in _nodes(schemas):
        if referring.get("$ref") == REF + name:
            referring.pop("default", None)
    for node in _nodes(schemas[name]):
        node.pop("default", None)
        if "$ref" in node:
            _leave_out_defaults(schemas, node["$ref"].removeprefix(REF))


def _declare_problems(description: Mapping[str, Any]) -> None:
    """Add to each operation the problems that any operation may answer with, and 415 where there is a body."""
    for operations in description["paths"].values():
        for operation in operations.values():
            statuses = (*EVERYWHERE, 415, 507) if "requestBody" in operation else EVERYWHERE
            for status in statuses:
                operation["responses"].setdefault(str(status), _problem(status))


def _problem(status: int) -> dict[str, Any]:
    answer = responses(status)[status]
    return {"description": answer["description"], "content": answer["content"]}


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every object inside a JSON value, itself included."""
    if isinstance(node, dict):
        yield node
        for part in list(node.values()):
            yield from _nodes(part)
    elif isinstance(node, list):
        for part in node:
            yield from _nodes(part)
