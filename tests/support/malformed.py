"""Requests for slices drawn from the published schema, and the same with one thing wrong."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from qb_controller.applications.slice_schema import REQUEST

Request = dict[str, Any]
FIELDS: Mapping[str, Any] = REQUEST["properties"]

TEXTS = {"rate": "3Mbit", "rate_back": "64 kbit/s", "latency": "30ms", "start": "+0s", "end": "+1h"}
"""A text that each field with units takes."""

WRONG = (None, True, False, [], {}, [[]], {"a": 1}, "", " ", "many", "\x00", "-1", "1e3Mbit", "NaN")
NUMBERS = (-1, -0.0001, 1e308, 10**40, float("nan"), float("inf"), float("-inf"), 0)


def drawn(rng: random.Random, hosts: Sequence[str], name: str) -> Request:
    """A request that the schema allows, between hosts that there are."""
    request: Request = {"name": name, "rate": _value(rng, "rate")}
    if rng.random() < 0.5:
        request["pairs"] = [rng.sample(list(hosts), 2)]
    else:
        request["hosts"] = rng.sample(list(hosts), rng.randint(2, len(hosts)))
    for field in FIELDS:
        if field not in ("name", "rate", "pairs", "hosts") and rng.random() < 0.5:
            request[field] = _value(rng, field)
    return request


def _value(rng: random.Random, field: str) -> Any:
    schema = FIELDS[field]
    if "enum" in schema:
        return rng.choice(schema["enum"])
    if field in TEXTS and rng.random() < 0.5:
        return TEXTS[field]
    if field in ("start", "end"):
        return {"start": 1.0e9, "end": 8.0e9}[field]
    if field == "latency":
        return rng.uniform(0.001, 10)
    if field == "priority":
        return rng.randint(1, 10)
    return rng.uniform(1e3, 1e6)


def spoilt(rng: random.Random, hosts: Sequence[str], name: str) -> tuple[Request, str]:
    """A request with one fault, and the name of the field that is wrong."""
    request = drawn(rng, hosts, name)
    return rng.choice(MUTATIONS)(rng, request)


def _a_key_too_many(rng: random.Random, request: Request) -> tuple[Request, str]:
    key = rng.choice(["rat", "Rate", "host", "bandwidth", "", "__proto__", "päir", "name ", "1"])
    return {**request, key: 1}, key


def _a_key_too_few(rng: random.Random, request: Request) -> tuple[Request, str]:
    key = rng.choice(["name", "rate", "hosts" if "hosts" in request else "pairs"])
    return {k: v for k, v in request.items() if k != key}, key if key != "hosts" else "pairs"


def _both_models(rng: random.Random, request: Request) -> tuple[Request, str]:
    return {**request, "hosts": ["h1", "h2"], "pairs": [["h1", "h2"]]}, "hosts"


def _wrong_kind(rng: random.Random, request: Request) -> tuple[Request, str]:
    field = rng.choice(list(request))
    may_be_null = {"latency", "start", "end"}
    fine = {"name": ("many",)}.get(field, (None,) if field in may_be_null else ())
    wrong = [value for value in WRONG if value not in fine]
    return {**request, field: rng.choice(wrong)}, field


def _impossible_number(rng: random.Random, request: Request) -> tuple[Request, str]:
    field = rng.choice(["rate", "rate_back", "latency", "priority", "value", "end"])
    numbers = [n for n in NUMBERS if not (n == 0 and field == "rate_back" and "pairs" in request)]
    return {**request, field: rng.choice(numbers)}, field


def _impossible_text(rng: random.Random, request: Request) -> tuple[Request, str]:
    field = rng.choice(list(TEXTS))
    text = rng.choice(
        ["-3Mbit", "3 Mbits", "3Mbit\n", "٣ms", "0x10", "+1y", "2026-13-45", "+1", "9" * 400 + "d"]
    )
    return {**request, field: text}, field


def _no_such_host(rng: random.Random, request: Request) -> tuple[Request, str]:
    wrong = copy.deepcopy(request)
    nobody = rng.choice(["h99", "H1", "h 1", "", "s1", "h1\n", 1, None, ["h1"]])
    field = "hosts" if "hosts" in wrong else "pairs"
    target = wrong["hosts"] if field == "hosts" else wrong["pairs"][0]
    target[rng.randrange(len(target))] = nobody
    return wrong, field


def _ends_that_are_none(rng: random.Random, request: Request) -> tuple[Request, str]:
    rest = {key: value for key, value in request.items() if key not in ("pairs", "hosts")}
    field, ends = rng.choice(
        [
            ("pairs", [["h1", "h1"]]),
            ("pairs", [["h1", "h2", "h3"]]),
            ("pairs", [["h1"]]),
            ("pairs", [["h1", "h2"], ["h1", "h2"]]),
            ("pairs", []),
            ("pairs", ["h1", "h2"]),
            ("pairs", {"h1": "h2"}),
            ("hosts", ["h1"]),
            ("hosts", ["h1", "h2", "h1"]),
            ("hosts", "h1,h2"),
            ("hosts", [["h1", "h2"]]),
        ]
    )
    return {**rest, field: ends}, field


def _name_that_is_none(rng: random.Random, request: Request) -> tuple[Request, str]:
    names = ["", "Video", "a" * 33, "-a", "a b", "a/b", "a\n", "ünder", "a_b", 7, "a;drop"]
    return {**request, "name": rng.choice(names)}, "name"


def _times_in_no_order(rng: random.Random, request: Request) -> tuple[Request, str]:
    start, end = rng.choice([("+2h", "+1h"), ("+1h", "+1h"), (None, "2001-01-01"), (8e9, 7e9)])
    return {**request, "start": start, "end": end}, "end"


MUTATIONS: tuple[Callable[[random.Random, Request], tuple[Request, str]], ...] = (
    _a_key_too_many,
    _a_key_too_few,
    _both_models,
    _wrong_kind,
    _impossible_number,
    _impossible_text,
    _no_such_host,
    _ends_that_are_none,
    _name_that_is_none,
    _times_in_no_order,
)
