"""Evaluations: a child measures in a run folder. Its result is the job's; the curves stay in the folder."""

from contextlib import ExitStack

from app.evaluations.schemas import EvaluationIn
from app.jobs.child import pass_on, run_child, write_config
from app.jobs.run import Finish, JobRun

RESULTS = ("metrics.json", "metrics.csv")


def evaluate(run: JobRun) -> Finish:
    """Measure a model on a split of a dataset, against both sources of labels."""
    request = EvaluationIn.model_validate(run.params)
    folder = run.folders.place("runs", run.id)
    with ExitStack() as stack:
        config = {
            "bundle": str(stack.enter_context(run.opened("models", request.model))),
            "dataset": str(stack.enter_context(run.opened("datasets", request.dataset))),
            "split": request.split,
            "hedged": request.hedged,
        }
        if request.compare_with is not None:
            config["compare_with"] = str(stack.enter_context(run.opened("models", request.compare_with)))
        write_config(folder, config)
        result = run_child(run, ["evaluate", str(folder)], folder / "log.txt", pass_on(run))
    run.keep("runs", run.id, RESULTS)
    return lambda session: result
