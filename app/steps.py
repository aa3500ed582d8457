"""Every kind of job, and the functions that tidy up after jobs whose worker died.

A new kind is one entry of `KINDS`: the queue whose workers do it, and its step. Routes start it by its name.
"""

from collections.abc import Callable

from sqlalchemy.orm import Session

from app.bulk_predictions.tasks import predict
from app.change_watch.tasks import count as count_change_watch
from app.change_watch.tasks import look as look_for_changes
from app.datasets.tasks import build
from app.disagreement.queries import fold_when_worth_it
from app.discrepancy_models.tasks import learn
from app.erasures.service import delete_objects
from app.evaluations.tasks import evaluate
from app.exports.tasks import export, remove_old
from app.imports.tasks import import_archive
from app.jobs.run import Workplace
from app.jobs.runner import JobKind
from app.models.tasks import train
from app.over_read_audit.tasks import audit
from app.studies.tasks import study
from app.triage_rules.tasks import make as make_triage_rule
from app.vocabularies.queries import give_up_lost_activation
from app.vocabularies.tasks import preview, relabel

KINDS: dict[str, JobKind] = {
    "dataset": JobKind("cpu", build),
    "train": JobKind("train", train),
    "evaluate": JobKind("train", evaluate),
    "study": JobKind("train", study),
    "discrepancy": JobKind("train", learn),
    "import": JobKind("cpu", import_archive),
    "relabel": JobKind("cpu", relabel),
    "preview": JobKind("cpu", preview),
    "export": JobKind("cpu", export),
    "over_read_audit": JobKind("cpu", audit),
    "predict": JobKind("cpu", predict),
    "triage": JobKind("cpu", make_triage_rule),
    "change-watch": JobKind("cpu", count_change_watch),
}
QUEUES: tuple[str, ...] = tuple(dict.fromkeys(kind.queue for kind in KINDS.values()))
TIDY: tuple[Callable[[Session], None], ...] = (give_up_lost_activation, fold_when_worth_it)
SWEEP: tuple[Callable[[Workplace], None], ...] = (
    lambda workplace: remove_old(workplace.settings),
    lambda workplace: delete_objects(workplace.database, workplace.archive.store, workplace.folders),
    look_for_changes,
)
"""Functions that remove files and objects whose time is over, and what else is done now and then."""
