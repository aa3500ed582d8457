"""Studies: a child trains and measures in a run folder. A worker that takes over continues where the last one ended."""

from app.jobs.child import pass_on, run_child, write_config
from app.jobs.run import Finish, JobRun
from app.studies.schemas import StudyIn


def study(run: JobRun) -> Finish:
    """Run a study; the result names the files that were made."""
    request = StudyIn.model_validate(run.params)
    folder = run.settings.runs_dir / str(run.id)
    config = {
        **request.plan().model_dump(mode="json"),
        "dataset": str(run.settings.datasets_dir / str(request.dataset)),
    }
    if request.unlabelled is not None:
        config["unlabelled"] = str(run.settings.datasets_dir / str(request.unlabelled))
    write_config(folder, config)
    result = run_child(run, ["study", str(folder)], folder / "log.txt", pass_on(run))
    return lambda session: result
