"""The pages of the trend, and of what was read instead."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from app.auth.access import ViewerUser
from app.change_watch import service as watch
from app.change_watch.schemas import WatchAlarmOut
from app.disagreement import service
from app.disagreement.sheets import flow_csv, trend_csv
from app.kit.database import Json
from app.pages.disagreement.answers import csv_file, svg_answer
from app.pages.disagreement.figures import flow as flow_figure
from app.pages.disagreement.figures import trend as trend_figure
from app.pages.disagreement.figures.drawing import Drawing
from app.pages.disagreement.figures.flow import NOTHING, Stream
from app.pages.disagreement.figures.trend import AGREEMENT, ANY, CHANGES, Mark, Panel, month_number
from app.pages.disagreement.question import Question, QuestionDep
from app.pages.disagreement.words import NUMBERS
from app.pages.shell import PagesDep

router = APIRouter(include_in_schema=False)

Shown = Annotated[Literal["changes", "kappa"], Query(description="What is shown by month.")]
Label = Annotated[str | None, Query(max_length=200, description="Only this label.")]

TREND_EXPLAINED = {
    "changes": "By month of recording, in UTC. Added and removed for every 100 calls of the machine; bands are 95 % "
    "intervals. Each picture has a scale of its own.",
    "kappa": "By month of recording, in UTC: Cohen's kappa; bands are 95 % intervals.",
}
FLOW_EXPLAINED = (
    "Only ECGs in which one label was removed and another added; streams are as wide as they have ECGs. An ECG with "
    "several such labels is in several of them."
)


@router.get("/disagreement/trend")
def show_trend(
    request: Request,
    pages: PagesDep,
    user: ViewerUser,
    question: QuestionDep,
    number: Shown = "changes",
    label: Label = None,
) -> HTMLResponse:
    """Show each label month by month: small pictures, or a large one of one label with its numbers."""
    answer = _trend(question, label)
    alarms = _alarms(question, label, number)
    large = 1120 if label is not None else None
    return pages.answer(
        request,
        "disagreement/trend.html",
        user=user,
        answer=answer,
        panels=[each.within_page("panel") for each in _panels(question, answer, alarms, number=number, width=large)],
        small=[each.within_page("panel") for each in _panels(question, answer, alarms, number=number, width=360)]
        if label
        else [],
        rows=_rows(question, answer, label),
        label=label,
        labels=question.labels,
        label_name=question.labels[label] if label is not None else None,
        number=number,
        numbers=NUMBERS,
        explained=TREND_EXPLAINED[number],
        alarms=alarms,
        **question.shared(),
    )


@router.get("/disagreement/trend.csv")
def save_trend_table(
    user: ViewerUser, question: QuestionDep, label: Label = None, number: Shown = "changes"
) -> Response:
    """Return the trend as CSV, a line a label and month."""
    return csv_file(trend_csv(_trend(question, label)), "disagreement-trend.csv")


@router.get("/disagreement/trend.svg")
def save_trend_figure(
    user: ViewerUser, question: QuestionDep, number: Shown = "changes", label: Label = None
) -> Response:
    """Return the pictures of the trend as one file."""
    answer = _trend(question, label)
    width = 1120 if label is not None else None
    pictures = _panels(question, answer, _alarms(question, label, number), number=number, width=width, alone=True)
    pairs = sum(month["pairs"] for month in answer["months"])
    title = "Disagreement by month" + (f": {question.labels[label]}" if label is not None else "")
    drawing = trend_figure.together(pictures, 1 if label is not None else 4) if pictures else Drawing(600, alone=True)
    return svg_answer(drawing, "disagreement-trend.svg", title, question.caption(pairs, TREND_EXPLAINED[number]))


def _trend(question: Question, label: str | None) -> Json:
    if label is not None:
        question.bit(label)
    only = [label] if label is not None else []
    return service.trend(question.session, question.book, question.rules, question.asked, only=only)


def _panels(
    question: Question,
    answer: Json,
    alarms: Sequence[WatchAlarmOut],
    *,
    number: Literal["changes", "kappa"],
    width: float | None,
    alone: bool = False,
) -> list[Drawing]:
    """Return a picture a label; of all labels first the one of any label. Without a month there are none."""
    if not answer["months"]:
        return []
    first, last = (month_number(answer["months"][at]["month"]) for at in (0, -1))
    series = CHANGES if number == "changes" else AGREEMENT
    marks = _marks(alarms)
    if width is not None:
        [one] = answer["labels"]
        shown = Panel(
            one["name"],
            one["points"],
            series,
            months=lambda month: _month_href(question, one["label"], month),
            marks=marks.get(one["label"], ()),
        )
        return [trend_figure.panel(shown, first, last, width=width, height=320 if width > 600 else 200, alone=alone)]
    panels = [
        Panel(
            each["name"],
            each["points"],
            series,
            question.links.here(label=each["label"]),
            marks=marks.get(each["label"], ()),
        )
        for each in answer["labels"]
    ]
    if series is CHANGES:
        panels.insert(0, Panel("Any label changed", answer["months"], ANY))
    return [trend_figure.panel(each, first, last, alone=alone) for each in panels]


def _alarms(question: Question, label: str | None, number: Literal["changes", "kappa"]) -> list[WatchAlarmOut]:
    """Return the alarms of the change watch that stand for a change, or may, at the chosen sites and devices."""
    if number != "changes":
        return []
    chosen = question.chosen
    alarms = watch.not_by_chance(question.session, simulated=bool(chosen.simulated))
    return [
        alarm
        for alarm in alarms
        if (label is None or alarm.label == label)
        and all(getattr(chosen, name) in (None, getattr(alarm, name)) for name in ("site", "device", "device_software"))
    ]


def _marks(alarms: Sequence[WatchAlarmOut]) -> dict[str, list[Mark]]:
    marks: dict[str, list[Mark]] = {}
    for alarm in alarms:
        of = " · ".join(each or "not known" for each in (alarm.site, alarm.device, alarm.device_software))
        words = (
            f"{alarm.day}: alarm, {alarm.direction} more often at {of}: {alarm.events} of {alarm.readings} since "
            f"{alarm.since}; reference {alarm.reference_events} of {alarm.reference_readings}"
        )
        href = f"/disagreement/watch/{alarm.stream}?label={alarm.label}&direction={alarm.direction}"
        mark = Mark(f"{alarm.day:%Y-%m}", alarm.day.day, alarm.direction, words, href)
        marks.setdefault(alarm.label, []).append(mark)
    return marks


def _month_href(question: Question, label: str, month: str) -> str | None:
    narrowed = question.links.group({"month": month})
    return question.links.to(f"/disagreement/{label}/ecgs", narrowed)


def _rows(question: Question, answer: Json, label: str | None) -> list[tuple[Json, dict[str, str | None]]]:
    """Return the months, newest first, each with the addresses of its ECGs."""
    months = answer["labels"][0]["points"] if label is not None else answer["months"]
    rows = []
    for month in reversed(months):
        narrowed = question.links.group({"month": month["month"]})
        path = f"/disagreement/{label}/ecgs" if label is not None else "/disagreement/ecgs"
        directions = ("added", "removed", "machine", "overread") if label is not None else ()
        hrefs: dict[str, str | None] = {
            direction: question.links.to(path, narrowed, direction=direction) for direction in directions
        }
        hrefs |= {"any": question.links.to(path, narrowed), "month": question.links.to("/disagreement", narrowed)}
        rows.append((month, hrefs))
    return rows


@router.get("/disagreement/flow")
def show_flow(request: Request, pages: PagesDep, user: ViewerUser, question: QuestionDep) -> HTMLResponse:
    """Show what was read instead: which labels were added where one was removed."""
    answer = service.flow(question.session, question.book, question.rules, question.asked)
    streams = flow_figure.streams(answer)
    names = question.labels
    by_place = {(stream.removed, stream.added): stream.pairs for stream in streams}
    return pages.answer(
        request,
        "disagreement/flow.html",
        user=user,
        answer=answer,
        wide=flow_figure.picture(streams, names, lambda stream: _address(question, stream)).within_page("wide"),
        narrow=flow_figure.picture(streams, names, lambda stream: _address(question, stream), width=360).within_page(
            "narrow"
        ),
        labels=names,
        pairs_of=lambda removed, added: by_place.get((removed, added), 0),
        address=lambda removed, added: _address(question, Stream(removed, added, 0)),
        nothing=NOTHING,
        removed_pairs={row["label"]: row["pairs"] for row in answer["removed"]},
        added_pairs={row["label"]: row["pairs"] for row in answer["added"]},
        most=max((pairs for place, pairs in by_place.items() if NOTHING not in place), default=0),
        explained=FLOW_EXPLAINED,
        **question.shared(),
    )


def _address(question: Question, stream: Stream) -> str | None:
    """Return where the ECGs of a stream are listed."""
    to = question.links.to
    if stream.removed == NOTHING:
        return to(f"/disagreement/{stream.added}/ecgs", direction="added", instead=NOTHING)
    return to(f"/disagreement/{stream.removed}/ecgs", direction="removed", instead=stream.added)


@router.get("/disagreement/flow.csv")
def save_flow_table(user: ViewerUser, question: QuestionDep) -> Response:
    """Return what was read instead as CSV."""
    answer = service.flow(question.session, question.book, question.rules, question.asked)
    return csv_file(flow_csv(answer), "disagreement-flow.csv")


@router.get("/disagreement/flow.svg")
def save_flow_figure(user: ViewerUser, question: QuestionDep) -> Response:
    """Return the picture of what was read instead as a file."""
    answer = service.flow(question.session, question.book, question.rules, question.asked)
    drawing = flow_figure.picture(flow_figure.streams(answer), question.labels, lambda _: None, alone=True)
    caption = question.caption(answer["pairs"], FLOW_EXPLAINED)
    return svg_answer(drawing, "disagreement-flow.svg", "What was read instead", caption)
