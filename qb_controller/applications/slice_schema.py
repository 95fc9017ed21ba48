"""The published form of a request for a slice, and the check of values against it.

:data:`REQUEST` is JSON Schema (draft 2020-12); :func:`check` holds a value against the part of that
language which is used here and names the field that is wrong. What a schema cannot say (hosts that
exist, times in order) is added by :mod:`.slice_requests`.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Mapping
from typing import Any

from qb_controller.errors import InputError

Schema = Mapping[str, Any]

RATES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}
"""Bit/s by the prefix of their unit."""

LATENCIES = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
"""Seconds by unit."""

SPANS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
"""Seconds by the unit of a time from now."""

LEAST_RATE, MOST_RATE = 1e3, 1e12
"""Bit/s. Meters count in kbit/s; no link carries more than a terabit."""

MOST_LATENCY = 10.0
MOST_TIME = 2.0**33
"""Unix time in the year 2242."""

MOST_PAIRS, MOST_HOSTS, MOST_SLICES = 64, 32, 2000

RATE_TEXT = r"^[0-9]+(\.[0-9]+)?([eE]\+?[0-9]{1,2}| ?([kKmMgG]?(([bB]it)?(/s)?|bps))?)$"
LATENCY_TEXT = r"^[0-9]+(\.[0-9]+)? ?(us|ms|s)$"
TIME_TEXT = (
    r"^(\+[0-9]+(\.[0-9]+)?[smhd]"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?)?)$"
)

NAME: Schema = {
    "description": "lower-case letters, digits and hyphens, 32 at most, a letter or digit first",
    "type": "string",
    "pattern": "^[a-z0-9][a-z0-9-]{0,31}$",
}
_HOST: Schema = {
    "description": "the name of a host",
    "type": "string",
    "pattern": "^[A-Za-z0-9._:-]{1,64}$",
}


def _rate(least: float, text: str) -> Schema:
    return {
        "description": f"{text}: bit/s, or text such as 3Mbit, 64kbit, 1.5M",
        "anyOf": [
            {"type": "number", "minimum": least, "maximum": MOST_RATE},
            {"type": "string", "pattern": RATE_TEXT},
        ],
    }


def _time(text: str) -> Schema:
    return {
        "description": f"{text}: Unix time in seconds, text such as 2027-03-01T12:00:00Z (UTC "
        "where no zone is named), or +30m, +1h, +2d from now",
        "anyOf": [
            {"type": "number", "minimum": 0, "maximum": MOST_TIME},
            {"type": "string", "pattern": TIME_TEXT},
            {"type": "null"},
        ],
    }


REQUEST: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A request for a network slice",
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "rate"],
    "oneOf": [{"required": ["pairs"]}, {"required": ["hosts"]}],
    "properties": {
        "name": NAME,
        "pairs": {
            "description": "pipe model: pairs of hosts, each as [from, to]",
            "type": "array",
            "minItems": 1,
            "maxItems": MOST_PAIRS,
            "uniqueItems": True,
            "items": {
                "description": "two different hosts as [from, to]",
                "type": "array",
                "minItems": 2,
                "maxItems": 2,
                "uniqueItems": True,
                "items": _HOST,
            },
        },
        "hosts": {
            "description": "hose model: hosts that may each send and receive so much in total",
            "type": "array",
            "minItems": 2,
            "maxItems": MOST_HOSTS,
            "uniqueItems": True,
            "items": _HOST,
        },
        "rate": _rate(LEAST_RATE, "committed from first to second, or that each host may send"),
        "rate_back": _rate(
            0,
            "committed from second to first (0, the default, for none), or that each host may "
            "receive (by default as much as it may send)",
        ),
        "latency": {
            "description": "most that the delays along a path may add up to: seconds, or text such "
            "as 30ms, 500us",
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": MOST_LATENCY},
                {"type": "string", "pattern": LATENCY_TEXT},
                {"type": "null"},
            ],
        },
        "isolation": {
            "description": "links: nobody else on the links of this slice",
            "enum": ["shared", "links"],
        },
        "protection": {
            "description": "disjoint: a backup without a common link, its capacity held too",
            "enum": ["none", "disjoint"],
        },
        "priority": {
            "description": "a whole number; the value counts so many times",
            "type": "integer",
            "minimum": 1,
            "maximum": 10,
        },
        "value": {
            "description": "worth per unit of time while admitted",
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 1e9,
        },
        "start": _time("when it begins"),
        "end": _time("when it ends"),
    },
}

REQUESTS: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Requests for network slices",
    "type": "object",
    "additionalProperties": False,
    "required": ["slices"],
    "properties": {
        "slices": {
            "description": "requests with different names",
            "type": "array",
            "maxItems": MOST_SLICES,
            "items": {key: value for key, value in REQUEST.items() if key != "$schema"},
        }
    },
}
"""What ``PUT /v1/slices`` and files take."""


def check(value: Any, schema: Schema, at: str = "") -> None:
    """Hold a value against a schema.

    Parameters
    ----------
    value : object
        As JSON or YAML gave it.
    schema : mapping
        Uses only the words that :data:`REQUESTS` uses.
    at : str
        Path of the value, empty for the whole.

    Raises
    ------
    InputError
        The text begins with the path of the field, such as ``slices[2].rate``.
    """
    if not schema:  # anything
        return
    if "anyOf" in schema:
        kinds = [each for each in schema["anyOf"] if _is(value, each["type"])]
        if not kinds:
            raise _fault(at, schema, value)
        check(value, {"description": schema["description"], **kinds[0]}, at)
        return
    if "type" in schema and not _is(value, schema["type"]):
        raise _fault(at, schema, value)
    if "enum" in schema and not (isinstance(value, str) and value in schema["enum"]):
        words = " or ".join(schema["enum"])
        raise fault(at, f"want {words}, got {value!r:.40}{hint(value, schema['enum'])}")
    if isinstance(value, dict):
        _object(value, schema, at)
    elif isinstance(value, list):
        _array(value, schema, at)
    elif isinstance(value, str):
        if "pattern" in schema and not re.fullmatch(schema["pattern"], value):
            raise _fault(at, schema, value)
    elif isinstance(value, int | float):
        _number(value, schema, at)


def fault(at: str, text: str) -> InputError:
    """An error that names the field."""
    return InputError(f"{at or 'the request'}: {text}")


def hint(word: object, known: Collection[str]) -> str:
    """``; did you mean this?`` for the nearest known word, else nothing."""
    near = difflib.get_close_matches(str(word)[:64], list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def inside(at: str, key: str | int) -> str:
    """Path of a member of what lies at a path."""
    if isinstance(key, int):
        return f"{at}[{key}]"
    return f"{at}.{key}" if at else key


def _fault(at: str, schema: Schema, value: Any) -> InputError:
    want = schema.get("description") or {"object": "names and values"}.get(schema["type"], "")
    return fault(at, f"want {want}; got {value!r:.40}")


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return False
    if kind == "number":
        return isinstance(value, int | float)
    kinds = {"string": str, "array": list, "object": dict, "integer": int, "null": type(None)}
    return isinstance(value, kinds[kind])


def _object(value: Mapping[Any, Any], schema: Schema, at: str) -> None:
    known = schema["properties"]
    for key in value:
        if key not in known:
            shown = key if isinstance(key, str) and key.isprintable() else repr(key)
            there = hint(key, known) or f"; there are {', '.join(known)}"
            raise fault(inside(at, f"{shown:.40}"), f"unknown key{there}")
    for key in schema["required"]:
        if key not in value:
            raise fault(inside(at, key), f"is missing: {known[key]['description']}")
    choices = [each["required"][0] for each in schema.get("oneOf", ())]
    given = [key for key in choices if key in value]
    if choices and not given:
        raise fault(inside(at, choices[0]), f"is missing: give {' or '.join(choices)}")
    if len(given) > 1:
        raise fault(inside(at, given[1]), f"give {' or '.join(choices)}, not both")
    for key, each in value.items():
        check(each, known[key], inside(at, key))


def _array(value: list[Any], schema: Schema, at: str) -> None:
    least, most = schema.get("minItems", 0), schema["maxItems"]
    if not least <= len(value) <= most:
        count = f"{least}" if least == most else f"{least} to {most}"
        raise fault(at, f"want {count} entries, {schema['description']}; got {len(value)}")
    for i, each in enumerate(value):
        check(each, schema["items"], inside(at, i))
    if schema.get("uniqueItems"):
        for i, each in enumerate(value):
            if each in value[:i]:
                raise fault(inside(at, i), f"{each!r:.40} is there twice")


def _number(value: float, schema: Schema, at: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise fault(at, f"want {schema['description']}; got {value}, which is no number")
    low, high = schema.get("minimum"), schema.get("maximum")
    if "exclusiveMinimum" in schema and not value > schema["exclusiveMinimum"]:
        raise fault(at, f"must be above {schema['exclusiveMinimum']}; got {value!r:.40}")
    if low is not None and value < low:
        raise fault(at, f"must be at least {low:g}; got {value!r:.40}")
    if high is not None and value > high:
        raise fault(at, f"must be at most {high:g}; got {value!r:.40}")
