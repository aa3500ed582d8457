"""Pages about disagreement. Their parameters are those of the API, and what they show is what the API answers."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from app.auth.access import ViewerUser
from app.disagreement import service
from app.disagreement.attributes import GROUPINGS
from app.disagreement.sheets import table_csv
from app.kit.database import Json
from app.pages.disagreement import views
from app.pages.disagreement.answers import csv_file, svg_answer
from app.pages.disagreement.figures import table as table_figure
from app.pages.disagreement.figures.table import Row
from app.pages.disagreement.question import Question, TableQuestion
from app.pages.disagreement.views import Order, RateName
from app.pages.disagreement.words import NUMBERS, RATES, name_of
from app.pages.shell import PagesDep

router = APIRouter(include_in_schema=False)

OrderedBy = Annotated[Order, Query(description="What the rows are ordered by: the largest first, of κ the least.")]
Shown = Annotated[RateName, Query(description="Which number the matrix of groups shows.")]
Label = Annotated[str | None, Query(max_length=200, description="Which label the groups are shown of.")]


@router.get("/disagreement")
def show_disagreement(
    request: Request,
    pages: PagesDep,
    user: ViewerUser,
    question: TableQuestion,
    order: OrderedBy = "vocabulary",
    number: Shown = "added_pct",
    label: Label = None,
) -> HTMLResponse:
    """Show what experts add to and remove from the machine's reading, as a picture and as a table."""
    answer = service.disagreement(question.session, question.book, question.rules, question.asked)
    if len(question.asked.group_by) == 2 and label is None:
        label = max(answer["labels"], key=lambda row: row["disagreement"])["label"]
    rows, about = _rows(question, answer, order, label)
    return pages.answer(
        request,
        "disagreement/table.html",
        user=user,
        answer=answer,
        rows=rows,
        groups_left=max(0, len(answer["groups"]) - views.MOST_ROWS) if label and answer["groups"] else 0,
        wide=table_figure.wide(rows).within_page("wide"),
        narrow=table_figure.narrow(rows).within_page("narrow"),
        about=about,
        matrix=_matrix(question, answer, number, label),
        label=label,
        labels=question.labels,
        order=order,
        number=number,
        numbers=NUMBERS,
        rates=RATES,
        group_by=question.asked.group_by,
        groupings=[(name, name_of(name)) for name in GROUPINGS],
        **question.shared(),
    )


@router.get("/disagreement/table.csv")
def save_disagreement_table(user: ViewerUser, question: TableQuestion) -> Response:
    """Return the table as CSV, a line a label and group."""
    answer = service.disagreement(question.session, question.book, question.rules, question.asked)
    return csv_file(table_csv(answer, question.asked.group_by), "disagreement.csv")


@router.get("/disagreement/table.svg")
def save_disagreement_figure(
    user: ViewerUser, question: TableQuestion, order: OrderedBy = "vocabulary", label: Label = None
) -> Response:
    """Return the picture as a file."""
    answer = service.disagreement(question.session, question.book, question.rules, question.asked)
    rows, about = _rows(question, answer, order, label)
    title = "What experts add to and remove from the machine's reading" + (f": {about}" if about else "")
    return svg_answer(
        table_figure.wide(rows, alone=True), "disagreement.svg", title, question.caption(answer["pairs"], *EXPLAINED)
    )


EXPLAINED = (
    "Bars: of the ECGs that either called, the share called by the machine alone, by both, and by the expert alone.",
    "Triangles: added and removed for every 100 calls of the machine, on a scale of decades, with 95 % intervals. "
    "Dots: Cohen's kappa with its 95 % interval.",
)


def _rows(question: Question, answer: Json, order: Order, label: str | None) -> tuple[list[Row], str]:
    """Return the rows of picture and table: labels, or of one label its groups; and what they are of."""
    if label is None:
        return views.label_rows(question, answer, order), ""
    bit = question.bit(label)
    if not question.asked.group_by:
        return [row for row in views.label_rows(question, answer, order) if row.numbers["label"] == label], ""
    return views.group_rows(question, answer, bit, order), question.labels[label]


def _matrix(question: Question, answer: Json, number: RateName, label: str | None) -> views.Matrix | None:
    """Return the matrix of groups: by labels, or with two groupings of one label."""
    if len(question.asked.group_by) == 2:
        assert label is not None
        return views.group_matrix(question, answer, number, question.bit(label))
    if len(question.asked.group_by) == 1 and label is None:
        return views.label_matrix(question, answer, number)
    return None
