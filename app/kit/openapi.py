"""Examples in OpenAPI as they were written: FastAPI takes every null out of them, pydantic puts their keys in order."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema


class AsWritten(GenerateJsonSchema):
    """Leaves keys where they are."""

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:
        """Sort nothing."""
        return value


def restore_examples(description: dict[str, Any], routers: Sequence[APIRouter]) -> None:
    """Write the examples of models and of answers into an API's description once more."""
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
    """List what the routes take and answer with; models inside these come along."""
    models = [each.get("model") for route in routes for each in route.responses.values()]
    for route in routes:
        models += [route.response_model, route.body_field and route.body_field.field_info.annotation]
    return [model for model in dict.fromkeys(models) if isinstance(model, type) and issubclass(model, BaseModel)]
