"""Answers that wait for a vocabulary that is read elsewhere: meanwhile they hold neither a thread nor a connection."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from app.access_log import service as access_log
from app.access_log.shown import Shown
from app.auth.tables import User
from app.jobs import service as jobs
from app.kit.database import DatabaseDep, Json
from app.kit.problems import invalid
from app.kit.state import made_by
from app.vocabularies import preview as previews
from app.vocabularies import service
from app.vocabularies.elsewhere import ElsewhereDep
from app.vocabularies.preview import Asked, Comparison, Sample, known
from app.vocabularies.schemas import DraftIn, DraftOut, ExtractIn, ExtractOut, PreviewIn, PreviewOut, VocabularyDetail


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
    async def drafted(self, given: DraftIn) -> AsyncIterator[Response]:
        """Make the answer to `POST /v1/vocabularies/draft`."""
        based_on, yaml, version = await self.database.run(lambda session: service.base_of(session, given))
        field = "yaml" if given.yaml is not None else "version"
        add = [[each.label, each.language, each.term] for each in given.add]
        read = await self.elsewhere.ask(field, yaml, add=add, **{"as": version})
        if "mistakes" in read:
            raise invalid("add" if based_on is not None else "yaml", read["mistakes"])
        yield _json(200, DraftOut(version=read["version"], yaml=read["yaml"]))

    @asynccontextmanager
    async def extracted(self, given: ExtractIn, yaml: str) -> AsyncIterator[Response]:
        """Make the answer to `POST /v1/labels/extract` under a vocabulary that no labeler is kept for."""
        read = await self.elsewhere.ask("vocabulary", yaml, profile=given.profile, text=given.text)
        if "mistakes" in read:
            raise service.refused(given.vocabulary or "", read["mistakes"])
        if given.profile is not None and "report" not in read:
            service.check_profile(given.profile, read["profiles"])
        yield _json(200, ExtractOut.model_validate({"vocabulary": read["version"], **read["report"]}))

    @asynccontextmanager
    async def previewed(self, request: Request, shown: Shown, user: User, given: PreviewIn) -> AsyncIterator[Response]:
        """Make the answer to `POST /v1/vocabularies/preview` of a sample. What it shows is in the access log."""
        assert given.sample != "all"
        size = given.sample

        def choose(session: Session) -> tuple[str, Asked, Sample]:
            asked = previews.asked(session, given)
            return service.proposed(session, given), asked, asked.sampled(session, size)

        yaml, asked, sample = await self.database.run(choose)
        read = await self._tried(given, yaml, sample)

        def compare() -> PreviewOut:
            active, tried = known(asked.active.version, asked.active.outline), known(read["version"], read["outline"])
            comparison = Comparison(active, tried, given.examples)
            comparison.add(sample, previews.labelled(read["rows"]))
            hidden = read["outline"]["hidden_terms"]
            return comparison.answer(asked.pairs_in_all, hidden, simulated=asked.simulated)

        found = await run_in_threadpool(compare)
        response = _json(200, found)
        shown.add(each.ecg_id for each in found.examples)
        shown.add(each.ecg_id for each in found.stances)
        await self.database.run(lambda session: access_log.record(session, request, response, user.id))
        yield response

    @asynccontextmanager
    async def previewed_by_job(self, user: User, given: PreviewIn, start: jobs.Starter) -> AsyncIterator[Response]:
        """Make the answer to `POST /v1/vocabularies/preview` of every pair: 202, once the file is known to be good."""
        yaml = await self.database.run(lambda session: service.proposed(session, given))
        await self._tried(given, yaml, None)
        params = given.model_dump(mode="json", exclude_none=True)
        job = await self.database.run(
            lambda session: jobs.create(
                session, start.doorbell, user, "preview", params=params, key=start.idempotency_key
            )
        )
        yield _json(202, job, start.headers(job))

    async def _tried(self, given: PreviewIn, yaml: str, sample: Sample | None) -> Json:
        """Return what a child says of a vocabulary, and what the texts of a sample say under it."""
        field = "version" if given.yaml is None else "yaml"
        read = await self.elsewhere.ask(field, yaml, texts=sample.questions() if sample is not None else [])
        if "mistakes" not in read:
            return read
        if given.version is not None:
            raise service.refused(given.version, read["mistakes"])
        raise invalid("yaml", read["mistakes"])


def _json(status: int, content: BaseModel, headers: dict[str, str] | None = None) -> Response:
    return Response(content.model_dump_json(), status, headers, "application/json")


AnswersDep = Annotated[Answers, made_by(Answers)]
