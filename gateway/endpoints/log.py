"""The access log: one JSON line per request. Ids, names, counts and times; never content."""

import logging
import sys
from typing import Any

import orjson

ACCESS = logging.getLogger("gateway.access")
_RESERVED = frozenset(("message", "asctime"))


class JsonFormatter(logging.Formatter):
    """Formats every record as one line of JSON; no traceback carries values of variables."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
        line: dict[str, Any] = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line.update({k: v for k, v in fields.items() if v is not None})
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = describe_exception(record.exc_info[1])
        return orjson.dumps(line, default=lambda value: type(value).__name__).decode()


def describe_exception(error: BaseException | None) -> list[str]:
    """Return an exception as types and places; its text may hold secrets and is left out."""
    described = []
    while error is not None:
        places = []
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            places.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}")
            trace = trace.tb_next
        described.append(f"{type(error).__name__} at {' > '.join(places[-8:])}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return described


def configure_logging(level: str) -> None:
    """Send all logs as JSON lines to standard error; libraries speak from WARNING up only."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)  # transports and clients would log headers at DEBUG
    logging.getLogger("gateway").setLevel(level.upper())
    logging.captureWarnings(capture=True)
