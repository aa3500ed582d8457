"""Answers that wait for a vocabulary that is read elsewhere: meanwhile they hold neither a thread nor a connection."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi.responses import Response
from pydantic import BaseModel
from sqlalchemy.orm import Session

from app.kit.database import DatabaseDep
from app.kit.problems import invalid
from app.kit.state import made_by
from app.vocabularies import service
from app.vocabularies.elsewhere import ElsewhereDep
from app.vocabularies.schemas import ExtractIn, ExtractOut, VocabularyDetail


@dataclass(frozen=True)
class Answers:
    """Makes what routes answer once their own session has ended."""

    elsewhere: ElsewhereDep
    database: DatabaseDep

    @asynccontextmanager
    async def stored(self, actor: str, yaml: str) -> AsyncIterator[Response]:
        """Make the answer to `POST /v1/vocabularies`: 201, or 200 for a file that is stored already."""
        read = await self.elsewhere.ask("yaml", yaml)
        if "mistakes" in read:
            raise invalid("yaml", read["mistakes"])

        def store(session: Session) -> tuple[VocabularyDetail, bool]:
            row, is_new = service.upload(session, actor, yaml, read)
            return service.detail(row), is_new

        detail, is_new = await self.database.run(store)
        yield _json(201 if is_new else 200, detail, {"Location": f"/v1/vocabularies/{detail.version}"})

    @asynccontextmanager
    async def extracted(self, given: ExtractIn, yaml: str) -> AsyncIterator[Response]:
        """Make the answer to `POST /v1/labels/extract` under a vocabulary that no labeler is kept for."""
        read = await self.elsewhere.ask("vocabulary", yaml, profile=given.profile, text=given.text)
        if "mistakes" in read:
            raise service.refused(given.vocabulary or "", read["mistakes"])
        if given.profile is not None and "report" not in read:
            service.check_profile(given.profile, read["profiles"])
        yield _json(200, ExtractOut.model_validate({"vocabulary": read["version"], **read["report"]}))


def _json(status: int, content: BaseModel, headers: dict[str, str] | None = None) -> Response:
    return Response(content.model_dump_json(), status, headers, "application/json")


AnswersDep = Annotated[Answers, made_by(Answers)]
