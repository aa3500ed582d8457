"""What every page about disagreement begins with: the question, its filters as a form, and its addresses."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from app.disagreement.counting.cells import CellBook
from app.disagreement.counting.selection import PairFilter
from app.disagreement.parameters import AskedDep, CellBookDep, ChosenPairs, Hedges
from app.disagreement.tally import Asked
from app.kit.database import Json, SessionDep
from app.kit.problems import invalid
from app.pages.disagreement.filters import Links, fields
from app.pages.disagreement.words import value_of
from app.vocabularies.service import Labelers, LabelersDep, ReadingRules
from ml.corpus.sources import HEDGED, Hedged

TABS = (
    ("/disagreement", "Table"),
    ("/disagreement/trend", "Trend"),
    ("/disagreement/flow", "Read instead"),
    ("/disagreement/statements", "Statements"),
    ("/disagreement/ecgs", "Most changed ECGs"),
)

ELSEWHERE = (("/disagreement/watch", "Watch", False), ("/disagreement/triage", "Triage", False))
"""Pages about disagreement that take no filters."""


class Question:
    """A question of a page, the vocabulary that answers it, and the page's addresses."""

    def __init__(self, session: Session, labelers: Labelers, book: CellBook, *, asked: Asked, links: Links) -> None:
        self.session, self.book, self.asked, self.links = session, book, asked, links
        self.rules: ReadingRules = labelers.active(session)

    @property
    def chosen(self) -> PairFilter:
        """The filters."""
        return self.asked.chosen

    @property
    def hedged(self) -> Hedged:
        """What an uncertain finding counts as."""
        return self.asked.hedged

    @property
    def labels(self) -> dict[str, str]:
        """The names of the vocabulary's labels, by their keys."""
        return {label.key: label.name for label in self.rules.vocabulary.labels}

    def bit(self, label: str, field: str = "query.label") -> int:
        """Return a label's place in the vocabulary; raise the 422 of one that it does not have."""
        keys = list(self.labels)
        if label not in keys:
            raise invalid(field, "is no label of the active vocabulary", "unknown")
        return keys.index(label)

    def shared(self) -> Json:
        """Return what the templates of every page need: the form, the chips and the other pages."""
        links = self.links
        return {
            "links": links,
            "fields": fields(self.session, links.given, simulated=bool(self.chosen.simulated)),
            "chips": links.chips(("hedged",)),
            "tabs": [(links.to(path), name, path == links.path) for path, name in TABS]
            + [(links.compared(), "Compare", False), *ELSEWHERE],
            "hedged": self.hedged,
            "vocabulary": self.rules.vocabulary.version,
            "simulated": self.chosen.simulated,
        }

    def caption(self, pairs: int, *first: str) -> list[str]:
        """Return what a figure says of itself where it stands alone."""
        chosen = "; ".join(f"{chip.name}: {chip.value}" for chip in self.links.chips())
        kind = "simulated" if self.chosen.simulated else "real"
        return [
            *first,
            f"{pairs:,} pairs of {kind} ECGs{f', chosen by {chosen}' if chosen else ', no filter'}.",
            f"Vocabulary {self.rules.vocabulary.version}; hedged findings {value_of('hedged', self.hedged)}; "
            f"counted by Overread on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC.",
        ]


def links(request: Request) -> Links:
    """Return the addresses of the page that is asked for."""
    return Links(request.url.path, request.query_params.multi_items())


def table_question(
    *, request: Request, session: SessionDep, labelers: LabelersDep, book: CellBookDep, asked: AskedDep
) -> Question:
    """Return the question of a page that can be grouped."""
    return Question(session, labelers, book, asked=asked, links=links(request))


def question(
    *,
    request: Request,
    session: SessionDep,
    labelers: LabelersDep,
    book: CellBookDep,
    chosen: ChosenPairs,
    hedged: Hedges = HEDGED,
) -> Question:
    """Return the question of a page that is not grouped."""
    return Question(session, labelers, book, asked=Asked(chosen, hedged), links=links(request))


TableQuestion = Annotated[Question, Depends(table_question)]
QuestionDep = Annotated[Question, Depends(question)]
