"""The children as a worker sees them: their lines, their exit, their end."""

import json
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
        "import os; from ml.events import Events, take_stdout\n"
        "events = Events(take_stdout())\n"
        "print('stray'); os.write(1, b'deeper')\n"
        "events.say('progress', fraction=0.5)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert json.loads(done.stdout) == {"event": "progress", "fraction": 0.5}
    assert b"stray" in done.stderr and b"deeper" in done.stderr


@pytest.mark.parametrize("arguments", [["train"], ["serve", "folder"], ["dance"]])
def test_a_command_that_is_none_is_refused(arguments):
    with start(*arguments, stdin=subprocess.DEVNULL) as child:
        assert b"usage" in child.communicate(timeout=30)[1]
    assert child.returncode == 2
