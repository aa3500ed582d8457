"""Which work each kind of job is, and what is put in order after jobs that ended without their worker."""

from collections.abc import Callable

from sqlalchemy.orm import Session

from app.datasets.tasks import build
from app.disagreement.queries import fold_when_worth_it
from app.evaluations.tasks import evaluate
from app.jobs.runner import Step
from app.models.tasks import train
from app.studies.tasks import study
from app.vocabularies.queries import give_up_lost_activation
from app.vocabularies.tasks import preview, relabel

STEPS: dict[str, Step] = {
    "dataset": build,
    "train": train,
    "evaluate": evaluate,
    "study": study,
    "relabel": relabel,
    "preview": preview,
}
TIDY: tuple[Callable[[Session], None], ...] = (give_up_lost_activation, fold_when_worth_it)
