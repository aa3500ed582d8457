"""Evaluations: a child measures in a run folder. Its result is the job's; the curves stay in the folder."""

from app.evaluations.schemas import EvaluationIn
from app.jobs.child import pass_on, run_child, write_config
from app.jobs.run import Finish, JobRun
from app.models.tasks import bundle_folder


def evaluate(run: JobRun) -> Finish:
    """Measure a model on a split of a dataset, against both sources of labels."""
    request = EvaluationIn.model_validate(run.params)
    folder = run.settings.runs_dir / str(run.id)
    config = {
        "bundle": str(bundle_folder(run.settings.models_dir, request.model)),
        "dataset": str(run.settings.datasets_dir / str(request.dataset)),
        "split": request.split,
        "hedged": request.hedged,
    }
    if request.compare_with is not None:
        config["compare_with"] = str(bundle_folder(run.settings.models_dir, request.compare_with))
    write_config(folder, config)
    result = run_child(run, ["evaluate", str(folder)], folder / "log.txt", pass_on(run))
    return lambda session: result
