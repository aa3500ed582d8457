"""The children as a worker sees them: their lines, their exit, their end."""

import json
import os
import signal
import subprocess
import sys

import pytest


def start(*arguments, **pipes):
    return subprocess.Popen(
        [sys.executable, "-m", "ml", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        **pipes,
    )


def test_a_training_child_speaks_json_lines_and_ends_with_a_result(make_run):
    folder = make_run(epochs=1)
    with start("train", folder, "--parent-pipe", stdin=subprocess.PIPE) as child:
        events = [json.loads(line) for line in child.stdout]
        assert child.wait(30) == 0
    assert events[0]["event"] == "metrics"
    assert events[-1]["event"] == "result"
    assert (folder / "bundle/bundle.json").is_file()


def test_a_failure_is_an_error_event_a_log_and_a_status(make_run):
    with start("train", make_run(dataset="/nowhere"), stdin=subprocess.DEVNULL) as child:
        out, log = child.communicate(timeout=30)
    assert child.returncode == 1
    [event] = [json.loads(line) for line in out.splitlines()]
    assert event["event"] == "error"
    assert event["message"].startswith("InvalidStore: nowhere is not a dataset")
    assert b"Traceback" in log


def endless(make_run):
    child = start("train", make_run(epochs=100_000, patience=100_000), "--parent-pipe", stdin=subprocess.PIPE)
    assert json.loads(child.stdout.readline())["event"] == "metrics"  # it is in the middle of it
    return child


def test_when_its_parent_goes_the_child_goes(make_run):
    with endless(make_run) as child:
        child.stdin.close()
        assert child.wait(10) == -signal.SIGKILL


def test_asked_to_end_it_ends_at_once(make_run):
    with endless(make_run) as child:
        child.terminate()
        assert child.wait(10) == -signal.SIGTERM  # a shell calls it 143


def test_what_a_library_prints_goes_to_the_log():
    code = (
        "import os; from ml.processes.events import Events, take_stdout\n"
        "events = Events(take_stdout())\n"
        "print('stray'); os.write(1, b'deeper')\n"
        "events.say('progress', fraction=0.5)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert json.loads(done.stdout) == {"event": "progress", "fraction": 0.5}
    assert b"stray" in done.stderr and b"deeper" in done.stderr


YAML = """
paradigm: {paradigm}
preset: test
epochs: {epochs}
threads: 1
device: cpu
"""


@pytest.fixture
def config_file(tmp_path):
    def write(paradigm="supervised", epochs=1, more=""):
        path = tmp_path / "config.yaml"
        path.write_text(YAML.format(paradigm=paradigm, epochs=epochs) + more)
        return path

    return write


def test_a_file_a_corpus_and_a_folder_are_enough(config_file, store_folder, tmp_path):
    out = tmp_path / "runs/first"
    with start("train", config_file(), "--corpus", store_folder, "--out", out, stdin=subprocess.DEVNULL) as child:
        events = [json.loads(line) for line in child.communicate(timeout=60)[0].splitlines()]
    assert (child.returncode, events[-1]["event"]) == (0, "result")
    assert (out / "bundle/bundle.json").is_file()
    assert json.loads((out / "config.json").read_text())["dataset"] == str(store_folder)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("learning_rat: 1", b"config.yaml: learning_rat: "),
        ("self_training: {alpha: 0.9}", b"self_training has no meaning for supervised"),
        ("contrastive: {}", b"contrastive has no meaning"),
        ("- 1", b"config.yaml: while parsing"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused_in_words(config_file, store_folder, tmp_path, more, why):
    path, out = config_file(more=more), tmp_path / "out"
    with start("train", path, "--corpus", store_folder, "--out", out, stdin=subprocess.DEVNULL) as child:
        said, log = child.communicate(timeout=60)
    assert (child.returncode, said, out.exists()) == (2, b"", False)
    assert why in log and b"Traceback" not in log


def test_a_corpus_that_is_not_there_is_named(config_file, tmp_path):
    with start("train", config_file(), "--corpus", tmp_path / "gone", "--out", tmp_path / "out") as child:
        log = child.communicate(timeout=60)[1]
    assert child.returncode == 2 and b"gone is not a folder" in log


LEAVES_A_MARK = """
import atexit, os, pathlib
if "RANK" in os.environ:
    atexit.register(lambda: pathlib.Path(os.environ["MARKS"], os.environ["RANK"] + ".ended").touch())
"""


@pytest.mark.parametrize("paradigm", ["supervised", pytest.param("negclip", marks=pytest.mark.slow)])
def test_two_processes_train_one_model(config_file, store_folder, tmp_path, paradigm):
    arguments = ["torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "ml", "train"]
    arguments += [config_file(paradigm, epochs=2), "--corpus", store_folder, "--out", tmp_path / "out"]
    command = [sys.executable, "-m", *map(str, arguments)]
    (tmp_path / "sitecustomize.py").write_text(LEAVES_A_MARK)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "MARKS": str(tmp_path)}
    done = subprocess.run(
        command, capture_output=True, check=False, stdin=subprocess.DEVNULL, timeout=200, env=environment
    )
    assert done.returncode == 0, done.stderr.decode()
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["epoch"] for event in events if event["event"] == "metrics"] == [1, 2]  # one of them speaks
    assert [event["event"] for event in events].count("result") == 1
    assert (tmp_path / "out/bundle/weights.safetensors").is_file()
    # neither takes its interpreter down, for a thread of gloo that wants its lock then would abort the process
    assert sorted(path.name for path in tmp_path.glob("*.ended")) == []


@pytest.mark.parametrize("arguments", [["train"], ["serve", "folder"], ["dance"], ["train", "x", "--out", "y"]])
def test_a_command_that_is_none_is_refused(arguments):
    with start(*arguments, stdin=subprocess.DEVNULL) as child:
        assert b"usage" in child.communicate(timeout=30)[1]
    assert child.returncode == 2
