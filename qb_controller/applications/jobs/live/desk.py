"""Jobs for clients of the REST interface: a JSON body in, a status code and JSON out."""

from __future__ import annotations

import json
import logging
import math
from typing import Any

from qb_controller.applications.jobs.live.engine import Engine
from qb_controller.applications.jobs.live.submission import parse
from qb_controller.applications.jobs.live.telling import everything, row
from qb_controller.applications.jobs.live.too_late import TooLate
from qb_controller.errors import InputError, NotFound

SUBMIT, LIST, SHOW, CANCEL = "submit", "list", "show", "cancel"

LISTED = 1000
"""Most jobs of a list."""

_log = logging.getLogger("qb.jobs")


def answer(engine: Engine, action: str, name: str, body: bytes) -> tuple[int, str]:
    """Do what a client asks; never raises for anything that it sent.

    Parameters
    ----------
    action : str
        One of the four above.
    name : str
        The job's, for ``show`` and ``cancel``; how many, for ``list``.
    body : bytes
        JSON, for ``submit``.

    Returns
    -------
    int, str
        200, or 201 where a job was made, 400 the request is wrong, 404 no such job, 409 its
        deadline cannot be met (with ``earliest_s``; null where no QPU that is there may run it) or
        the job is over already.
    """
    try:
        code, value = _do(engine, action, name, body)
    except TooLate as error:
        earliest = error.earliest_s if math.isfinite(error.earliest_s) else None
        code, value = 409, {"error": str(error), "status": 409, "earliest_s": earliest}
    except NotFound as error:
        code, value = 404, {"error": str(error), "status": 404}
    except InputError as error:
        code = 409 if action == CANCEL else 400
        value = {"error": str(error), "status": code}
    except Exception:
        _log.exception("%s %s failed", action, name)
        code, value = 500, {"error": "a fault in the jobs process; see its log", "status": 500}
    return code, json.dumps(value, allow_nan=False) + "\n"


def _do(engine: Engine, action: str, name: str, body: bytes) -> tuple[int, Any]:
    if action == SUBMIT:
        asked = parse(_json(body))
        known = engine.known(asked)
        if known is not None:
            return 200, everything(engine, known)
        return 201, everything(engine, engine.submit(asked))
    if action == LIST:
        return 200, [row(one) for one in engine.store.latest(_limit(name))]
    if action == CANCEL:
        return 200, everything(engine, engine.cancel(name))
    return 200, everything(engine, engine.record(name))


def _limit(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if text and not 1 <= number <= LISTED:
        raise InputError(f"limit={text}: want a whole number from 1 to {LISTED}")
    return number or LISTED


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the body is not JSON: {error}") from None
