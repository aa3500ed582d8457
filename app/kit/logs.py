"""Structured logs. What is logged: ids, routes, states, durations. Never: report text, metadata, queries, bodies."""

import logging
import sys
import threading
import traceback
from types import TracebackType

import structlog

from app.kit.terminal import printable


def configure(json: bool) -> None:
    """Set up structlog and the standard library's logging on standard error: one line per event, from any library."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer = structlog.processors.JSONRenderer() if json else _for_terminal
    structlog.configure(
        processors=[*shared, _format_exception, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _format_exception, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)


def take_uncaught() -> None:
    """Log what nothing catches, in threads too, instead of letting Python print it: its message may quote a report."""
    log = structlog.get_logger("uncaught")

    def of_process(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        log.critical("process_crashed", exc_info=error)

    def of_thread(given: threading.ExceptHookArgs) -> None:
        if given.exc_value is not None:
            log.critical("thread_crashed", thread=given.thread.name if given.thread else None, exc_info=given.exc_value)

    sys.excepthook = of_process
    threading.excepthook = of_thread


def describe(error: BaseException) -> str:
    """Return an exception's traceback, and those of its causes, without one value: files, lines, functions, types.

    An exception's message may quote a report or a row, and so may local variables: neither is shown. What is shown
    besides quotes nothing: the operating system's reason, PostgreSQL's error code.
    """
    parts = []
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        frames = "".join(traceback.format_tb(link.__traceback__))
        parts.append(f"Traceback (most recent call last):\n{frames}{_name(link)}")
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return "\n\nThe above was caused by:\n\n".join(parts)


def _name(error: BaseException) -> str:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    code = getattr(error, "sqlstate", None)
    if code:
        return f"{name}: SQLSTATE {code}"
    return f"{name}: {error.strerror}" if isinstance(error, OSError) and error.strerror else name


def _format_exception(_logger: object, _method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Turn `exc_info` into text."""
    given: object = event.pop("exc_info", None)
    error: object = sys.exc_info()[1] if given is True else given
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["exception"] = describe(error)
    return event


def _for_terminal(logger: object, method: str, event: structlog.types.EventDict) -> str:
    trace = event.pop("exception", None)
    line = structlog.dev.ConsoleRenderer(colors=False)(logger, method, event)
    return printable(line if trace is None else f"{line}\n{trace}")
