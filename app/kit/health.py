"""Health checks: is the process alive, and can it serve requests."""

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
    """Answer while the process is alive; use nothing else."""
    return Health()


@router.get("/readyz", responses={503: responses(503)[503]})
async def readyz(database: DatabaseDep) -> Health:
    """Answer 200 when the database answers and its schema is this release's, else 503."""
    try:
        current = await database.run(schema_is_current)
    except SQLAlchemyError as error:
        raise Problem(503, "not_ready", "The database does not answer.") from error
    if not current:
        raise Problem(503, "not_ready", "The database's schema is not this release's: run `overread migrate`.")
    return Health()
