"""Studies: a child trains and measures in a run folder. A worker that takes over continues where the last one ended."""

from contextlib import ExitStack

from app.jobs.child import pass_on, run_child, write_config
from app.jobs.run import Finish, JobRun
from app.studies.schemas import StudyIn


def study(run: JobRun) -> Finish:
    """Run a study; the result names the files that were made."""
    request = StudyIn.model_validate(run.params)
    folder = run.folders.place("runs", run.id)
    config = request.plan().model_dump(mode="json")
    with ExitStack() as stack:
        config["dataset"] = str(stack.enter_context(run.opened("datasets", request.dataset)))
        if request.unlabelled is not None:
            config["unlabelled"] = str(stack.enter_context(run.opened("datasets", request.unlabelled)))
        write_config(folder, config)
        result = run_child(run, ["study", str(folder)], folder / "log.txt", pass_on(run))
    run.keep("runs", run.id, result["files"])
    return lambda session: result
