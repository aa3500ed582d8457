"""Which work each kind of job is."""

from app.datasets.tasks import build
from app.jobs.runner import Step
from app.models.tasks import evaluate, train
from app.vocabularies.tasks import relabel

STEPS: dict[str, Step] = {"dataset": build, "train": train, "evaluate": evaluate, "relabel": relabel}
