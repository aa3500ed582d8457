"""Whether the service lives, and whether it can work."""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import SQLAlchemyError

from app.kit.database import Database
from app.kit.problems import Problem, responses
from app.migrate import is_current

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """All is well."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ok"}]})

    status: Literal["ok"] = "ok"


@router.get("/healthz")
def healthz() -> Health:
    """Answer while the process lives; touches nothing else."""
    return Health()


@router.get("/readyz", responses={503: responses(503)[503]})
def readyz(request: Request) -> Health:
    """Answer when the database does and its schema is this release's; 503 otherwise."""
    database: Database = request.app.state.database
    try:
        current = is_current(database)
    except SQLAlchemyError as error:
        raise Problem(503, "not_ready", "The database does not answer.") from error
    if not current:
        raise Problem(503, "not_ready", "The database's schema is not this release's: run `overread migrate`.")
    return Health()
