"""The page that shows two choices of pairs side by side."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from app.auth.access import ViewerUser
from app.disagreement import service
from app.disagreement.parameters import CellBookDep, ComparedPairs, Hedges
from app.disagreement.sheets import comparison_csv
from app.kit.database import Json, SessionDep
from app.pages.disagreement.answers import csv_file, svg_answer
from app.pages.disagreement.figures import compare as figure
from app.pages.disagreement.figures.compare import Both
from app.pages.disagreement.filters import Links, fields
from app.pages.disagreement.question import TABS, links
from app.pages.disagreement.words import NUMBERS, value_of
from app.pages.shell import PagesDep
from app.vocabularies.service import LabelersDep
from ml.corpus.sources import HEDGED

router = APIRouter(include_in_schema=False)

SIDES = ("a", "b")
EXPLAINED = "A is filled, B the ring below it; lines are 95 % intervals. Added and removed are on scales of decades."


def comparison(
    session: SessionDep,
    labelers: LabelersDep,
    book: CellBookDep,
    compared: ComparedPairs,
    *,
    hedged: Hedges = HEDGED,
) -> Json:
    """Return two choices of pairs side by side."""
    return service.comparison(session, book, labelers.active(session), compared, hedged=hedged)


ComparisonDep = Annotated[Json, Depends(comparison)]


@router.get("/disagreement/compare")
def show_comparison(
    request: Request,
    pages: PagesDep,
    user: ViewerUser,
    session: SessionDep,
    compared: ComparedPairs,
    answer: ComparisonDep,
    hedged: Hedges = HEDGED,
) -> HTMLResponse:
    """Show two choices of pairs side by side, with the differences of their rates."""
    here = links(request)
    sides = {side: here.side(f"{side}.") for side in SIDES}
    return pages.answer(
        request,
        "disagreement/compare.html",
        user=user,
        answer=answer,
        rows=list(zip(*(answer[part]["labels"] for part in (*SIDES, "difference")), strict=True)),
        picture=figure.picture(_both(answer)).within_page("compare"),
        explained=EXPLAINED,
        links=here,
        sides=sides,
        forms={
            side: fields(session, here.given, simulated=bool(chosen.simulated), prefix=f"{side}.")
            for side, chosen in zip(SIDES, compared, strict=True)
        },
        chips={side: here.chips(prefix=f"{side}.") for side in SIDES},
        tabs=[
            *((sides["a"].to(path), name, False) for path, name in TABS),
            (here.here(), "Compare", True),
        ],
        hedged=hedged,
        numbers=NUMBERS,
    )


def _both(answer: Json) -> list[Both]:
    pairs = zip(answer["a"]["labels"], answer["b"]["labels"], strict=True)
    return [Both(a["name"], a, b) for a, b in pairs]


@router.get("/disagreement/compare.csv")
def save_comparison(user: ViewerUser, answer: ComparisonDep) -> Response:
    """Return the comparison as CSV."""
    return csv_file(comparison_csv(answer), "disagreement-compared.csv")


@router.get("/disagreement/compare.svg")
def save_comparison_figure(
    request: Request, user: ViewerUser, answer: ComparisonDep, hedged: Hedges = HEDGED
) -> Response:
    """Return the picture of the comparison as a file."""
    caption = [EXPLAINED, *(_said(links(request), side, answer[side]) for side in SIDES)]
    caption.append(
        f"Vocabulary {answer['vocabulary']}; hedged findings {value_of('hedged', hedged)}; "
        f"counted by Overread on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC."
    )
    return svg_answer(figure.picture(_both(answer), alone=True), "disagreement-compared.svg", "Two choices", caption)


def _said(here: Links, side: str, table: Json) -> str:
    chosen = "; ".join(f"{chip.name}: {chip.value}" for chip in here.chips(prefix=f"{side}."))
    kind = "simulated" if table["simulated"] else "real"
    return f"{side.upper()}: {table['pairs']:,} pairs of {kind} ECGs, {chosen or 'no filter'}."
