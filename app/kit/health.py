"""Whether the service lives, and whether it can work."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import SQLAlchemyError

from app.kit.database import DatabaseDep
from app.kit.problems import Problem, responses
from app.migrate import schema_is_current

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """All is well."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ok"}]})

    status: Literal["ok"] = "ok"


@router.get("/healthz")
async def healthz() -> Health:
    """Answer while the process lives; touches nothing else."""
    return Health()


@router.get("/readyz", responses={503: responses(503)[503]})
async def readyz(database: DatabaseDep) -> Health:
    """Answer when the database does and its schema is this release's; 503 otherwise."""
    try:
        current = await database.run(schema_is_current)
    except SQLAlchemyError as error:
        raise Problem(503, "not_ready", "The database does not answer.") from error
    if not current:
        raise Problem(503, "not_ready", "The database's schema is not this release's: run `overread migrate`.")
    return Health()
