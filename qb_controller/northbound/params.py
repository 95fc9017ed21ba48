"""Checks of what a client sent: query strings, JSON bodies, names of switches and hosts.

Every function raises :class:`~qb_controller.errors.InputError` (400) or
:class:`~qb_controller.errors.NotFound` (404) with a text that names the key and the value.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from qb_controller.errors import InputError, NotFound
from qb_controller.model.network import Host, Network
from qb_controller.northbound.view import TeSettings

MAX_BODY = 64 * 1024
"""Bytes; the largest sensible body is a few hundred."""

MAX_SCENARIO = 8 * 2**20
"""Bytes of a radio scenario; 1,000 access points and 4,000 stations take half a megabyte."""

MAX_SLICES = 2 * 2**20
"""Bytes of requests for slices; a thousand take a quarter of a megabyte."""

MAX_JOB = 2**20 + 2**16
"""Bytes of a quantum job: a megabyte of OpenQASM."""

DEADLINE_S = (0.01, 60.0)
"""Allowed deadlines, as for the option of the controller."""


@dataclass(frozen=True, slots=True)
class Place:
    """One end of a path: a switch, and the host where a host was named."""

    dpid: int
    host: Host | None


def query(given: Mapping[str, list[str]], allowed: Collection[str]) -> dict[str, str]:
    """Check a query string: known keys, each once, none empty."""
    values = {}
    for key, several in given.items():
        if key not in allowed:
            raise InputError(f"unknown query parameter {key!r}{_hint(key, allowed)}")
        if len(several) != 1:
            raise InputError(f"query parameter {key} is given {len(several)} times")
        if not several[0]:
            raise InputError(f"query parameter {key} is empty")
        values[key] = several[0]
    return values


def needed(values: Mapping[str, str], key: str) -> str:
    if key not in values:
        raise InputError(f"query parameter {key} is missing")
    return values[key]


def limit(values: Mapping[str, str], default: int, largest: int) -> int:
    """Read the parameter ``limit``: 1 to ``largest``."""
    text = values.get("limit")
    if text is None:
        return default
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if not 1 <= number <= largest:
        raise InputError(f"limit={text}: want a whole number from 1 to {largest}")
    return number


def number(values: Mapping[str, str], key: str, default: int) -> int:
    """Read a whole number from 0 up; the default where it is not given."""
    text = values.get(key)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise InputError(f"{key}={text}: want a whole number from 0 up")
    return int(text)


def flag(values: Mapping[str, str], key: str) -> bool:
    """Read ``true`` or ``false``; false where it is not given."""
    text = values.get(key, "false")
    if text not in ("true", "false"):
        raise InputError(f"{key}={text}: want true or false")
    return text == "true"


def switch(network: Network, text: str) -> int:
    """Datapath id of a switch given by its name (``s3``) or its datapath id (``3``, ``0x3``)."""
    for one in network.switches:
        if text in (one.name, str(one.dpid), hex(one.dpid), f"{one.dpid:016x}"):
            return one.dpid
    names = [one.name for one in network.switches]
    raise NotFound(f"no switch {text!r}{_hint(text, names)}")


def place(network: Network, text: str) -> Place:
    """Find a host (name, IP or MAC address) or a switch (name or datapath id)."""
    for host in network.hosts:
        if text in (host.name, *host.ips) or text.lower() == host.mac:
            return Place(host.dpid, host)
    try:
        return Place(switch(network, text), None)
    except NotFound:
        names = [host.name for host in network.hosts] + [one.name for one in network.switches]
        raise NotFound(f"no host or switch {text!r}{_hint(text, names)}") from None


def pair(network: Network, text: str) -> tuple[Place, Place]:
    """Read ``h1,h7``: two hosts or switches that are not behind the same switch."""
    parts = text.split(",")
    if len(parts) != 2:
        raise InputError(f"pair={text}: want two hosts or switches as h1,h7")
    ends = place(network, parts[0].strip()), place(network, parts[1].strip())
    if ends[0].dpid == ends[1].dpid:
        raise InputError(f"pair={text}: both are at switch {network.name(ends[0].dpid)}")
    return ends


def is_json(content_type: str) -> None:
    """Check that a body says it is JSON.

    Also keeps web pages from sending commands: a browser asks before it sends this type.
    """
    if content_type != "application/json":
        raise InputError(f"Content-Type is {content_type or 'missing'}: want application/json")


def body(data: bytes, content_type: str, allowed: Collection[str]) -> dict[str, object]:
    """Read a JSON object with no keys but the allowed ones."""
    is_json(content_type)
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InputError("the body is not a JSON object")
    for key in value:
        if key not in allowed:
            raise InputError(f"unknown key {key!r}{_hint(key, allowed)}")
    return value


def te_change(
    now: TeSettings, change: Mapping[str, object], backends: Collection[str]
) -> TeSettings:
    """Merge a checked body of PATCH /v1/te into the present settings."""
    if not change:
        raise InputError("nothing to change: give enabled, backend, split or deadline_s")
    after = now
    for key in ("enabled", "split"):
        if key in change:
            value = change[key]
            if not isinstance(value, bool):
                raise InputError(f"{key}: want true or false, not {_shown(value)}")
            after = (
                replace(after, enabled=value) if key == "enabled" else replace(after, split=value)
            )
    if "backend" in change:
        after = replace(after, backend=_backend(change["backend"], backends))
    if "deadline_s" in change:
        after = replace(after, deadline_s=_deadline(change["deadline_s"]))
    return after


def _backend(value: object, backends: Collection[str]) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise InputError(f"backend: want a name or null, not {_shown(value)}")
    if value not in backends:
        raise InputError(f"backend: no backend {value!r}; there are {', '.join(sorted(backends))}")
    return value


def _deadline(value: object) -> float:
    low, high = DEADLINE_S
    fine = isinstance(value, int | float) and not isinstance(value, bool)
    if not fine or not low <= value <= high or math.isnan(value):  # type: ignore[operator,arg-type]
        raise InputError(f"deadline_s: want {low:g} to {high:g} seconds, not {_shown(value)}")
    return float(value)  # type: ignore[arg-type]


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _hint(text: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(text, list(known), n=1)
    if near:
        return f"; did you mean {near[0]}?"
    if not known:
        return "; there are none"
    shown = sorted(known)[:12]
    return f"; there are {', '.join(shown)}{' ...' if len(known) > len(shown) else ''}"
