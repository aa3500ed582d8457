"""Logs are one JSON line an event, and hold nothing that a client or the database said."""

import json
import logging
import threading
from collections.abc import Iterator

import pytest
import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.kit import logs
from app.kit.database import Database

SECRET = "Mrs Jane Roe, SSN 000-00-0000"


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@pytest.fixture(autouse=True)
def hooks() -> Iterator[None]:
    import sys

    before = sys.excepthook, threading.excepthook
    yield
    sys.excepthook, threading.excepthook = before


@pytest.mark.parametrize("logger", ["uvicorn.error", "celery.app.trace", "kombu.connection", "sqlalchemy.pool"])
def test_others_tracebacks_are_one_line_without_values(capsys: pytest.CaptureFixture[str], logger: str) -> None:
    logs.configure(json=True)
    report = SECRET
    try:
        try:
            int(report)
        except ValueError as error:
            raise KeyError(report) from error
    except KeyError:
        logging.getLogger(logger).exception("Exception in ASGI application\n")
    (line,) = lines(capsys)
    assert line["logger"] == logger and "test_logs.py" in line["exception"]
    assert "KeyError" in line["exception"] and "ValueError" in line["exception"]
    assert "Jane" not in json.dumps(line)


def test_errors_of_the_database_hold_neither_parameters_nor_rows(
    capsys: pytest.CaptureFixture[str], database: Database
) -> None:
    logs.configure(json=True)
    log = structlog.get_logger("test")
    insert = text("INSERT INTO texts (sha256, text) VALUES (sha256('x'), :words)")
    for statement in (insert, text("SELECT CAST(:words AS integer)")):
        try:
            with database.begin() as session:
                session.execute(statement, {"words": SECRET})
                session.execute(statement, {"words": SECRET})
        except SQLAlchemyError as error:
            assert "parameters" not in str(error) or "hidden" in str(error)
            log.exception("failed")
    found = lines(capsys)
    assert len(found) == 2 and "Jane" not in json.dumps(found)
    assert ["SQLSTATE 23505" in found[0]["exception"], "SQLSTATE 22P02" in found[1]["exception"]] == [True, True]


def test_what_nothing_catches_is_logged_too(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(json=True)
    logs.take_uncaught()

    def fails() -> None:
        raise RuntimeError(SECRET)

    thread = threading.Thread(target=fails, name="reaper")
    thread.start()
    thread.join()
    (line,) = lines(capsys)
    assert (line["event"], line["thread"]) == ("thread_crashed", "reaper")
    assert "RuntimeError" in line["exception"] and "Jane" not in json.dumps(line)


def test_a_file_that_is_missing_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(json=False)
    try:
        open("/nowhere/\x1b[2J")  # noqa: PTH123, SIM115
    except OSError:
        structlog.get_logger("test").exception("failed", name="\x1b[31m")
    said = capsys.readouterr().err
    assert "FileNotFoundError: No such file or directory" in said and "\x1b" not in said and r"\x1b[31m" in said
