"""Requests for slices, from what YAML or JSON holds to :class:`SliceRequest` and back."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from qb_controller.applications.slice_schema import (
    LATENCIES,
    LEAST_RATE,
    MOST_LATENCY,
    MOST_RATE,
    MOST_TIME,
    RATES,
    REQUEST,
    REQUESTS,
    SPANS,
    check,
    fault,
    hint,
    inside,
)
from qb_controller.errors import InputError
from qb_controller.model.slices import Ends, SliceRequest

SHOWN = 12
"""Hosts that an error lists at most."""


def read(data: Any, now: float, hosts: Collection[str] | None = None, at: str = "") -> SliceRequest:
    """Build a request from plain values.

    Parameters
    ----------
    data : object
        As :data:`~.slice_schema.REQUEST` says.
    now : float
        Unix time that relative times count from.
    hosts : collection of str, optional
        Names of the network's hosts; without it names are not looked up.
    at : str
        Path of the request, for errors.

    Raises
    ------
    InputError
        The text begins with the path of the field.
    """
    check(data, REQUEST, at)
    rate = _rate(data["rate"], LEAST_RATE, inside(at, "rate"))
    back = rate if "hosts" in data else 0.0
    if "rate_back" in data:
        back = _rate(data["rate_back"], 0.0, inside(at, "rate_back"))
    if "hosts" in data and back < LEAST_RATE:
        raise fault(inside(at, "rate_back"), f"must be at least {LEAST_RATE:g} where hosts receive")
    if 0 < back < LEAST_RATE:
        raise fault(inside(at, "rate_back"), f"must be 0 or at least {LEAST_RATE:g}; got {back:g}")
    _known(data, hosts, at)
    start, end = _times(data, now, at)
    return SliceRequest(
        name=data["name"],
        pairs=tuple(Ends(*pair) for pair in data.get("pairs", ())),
        hosts=tuple(data.get("hosts", ())),
        rate=rate,
        rate_back=back,
        latency=_latency(data.get("latency"), inside(at, "latency")),
        isolation=data.get("isolation", "shared"),
        protection=data.get("protection", "none"),
        priority=data.get("priority", 1),
        value=float(data.get("value", 1.0)),
        start=start,
        end=end,
    )


def read_all(
    data: Any,
    now: float,
    hosts: Collection[str] | None = None,
    pause: Callable[[], None] = lambda: None,
) -> tuple[SliceRequest, ...]:
    """Build the requests of a whole set, ``{"slices": [...]}``.

    Parameters
    ----------
    pause : callable
        Called between requests.

    Raises
    ------
    InputError
        As of :func:`read`, or two requests have one name.
    """
    outer = {**REQUESTS["properties"]["slices"], "items": {}}
    check(data, {**REQUESTS, "properties": {"slices": outer}})
    found: dict[str, SliceRequest] = {}
    for i, each in enumerate(data["slices"]):
        at = inside("slices", i)
        request = read(each, now, hosts, at)
        if request.name in found:
            raise fault(inside(at, "name"), f"{request.name} is the name of an earlier one, too")
        found[request.name] = request
        pause()
    return tuple(found.values())


def as_mapping(request: SliceRequest) -> dict[str, Any]:
    """What :func:`read` reads back; what is at its default is left out."""
    ends: Mapping[str, Any] = (
        {"hosts": list(request.hosts)}
        if request.is_hose
        else {"pairs": [list(pair) for pair in request.pairs]}
    )
    usual = SliceRequest("", rate_back=request.rate if request.is_hose else 0.0)
    names = ("rate_back", "latency", "isolation", "protection", "priority", "value", "start", "end")
    rest = {name: getattr(request, name) for name in names}
    return {
        "name": request.name,
        **ends,
        "rate": request.rate,
        **{name: value for name, value in rest.items() if value != getattr(usual, name)},
    }


def differences(before: SliceRequest, after: SliceRequest) -> dict[str, tuple[Any, Any]]:
    """Fields of two requests that differ: what they are before and after, None for a default."""
    old, new = as_mapping(before), as_mapping(after)
    names = sorted(old.keys() | new.keys())
    return {
        name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)
    }


def _split(text: str) -> tuple[float, str]:
    """Figure and unit of a text that matched its pattern."""
    found = re.match(r"[0-9.]+([eE]\+?[0-9]+)?", text)
    assert found is not None
    return float(found[0]), text[found.end() :].strip()


def _rate(value: Any, least: float, at: str) -> float:
    if isinstance(value, str):
        figure, unit = _split(value)
        prefix = unit[:1].lower()
        rate = figure * RATES[prefix if prefix in "kmg" else ""]
    else:
        rate = float(value)
    if not least <= rate <= MOST_RATE:
        raise fault(at, f"must be {least:g} to {MOST_RATE:g} bit/s; got {value!r:.40}")
    return rate


def _latency(value: Any, at: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, str):
        figure, unit = _split(value)
        value, shown = figure * LATENCIES[unit], value
        if not 0 < value <= MOST_LATENCY:
            raise fault(at, f"must be above 0 and at most {MOST_LATENCY:g} s; got {shown!r:.40}")
    return float(value)


def _known(data: Mapping[str, Any], hosts: Collection[str] | None, at: str) -> None:
    if hosts is None:
        return
    named = [(inside(inside(at, "hosts"), i), host) for i, host in enumerate(data.get("hosts", ()))]
    for i, pair in enumerate(data.get("pairs", ())):
        where = inside(inside(at, "pairs"), i)
        named += [(inside(where, j), host) for j, host in enumerate(pair)]
    for where, host in named:
        if host not in hosts:
            raise fault(where, f"no host {host!r} in the network{_hosts_hint(host, hosts)}")


def _hosts_hint(host: str, hosts: Collection[str]) -> str:
    if near := hint(host, hosts):
        return near
    shown = sorted(hosts)[:SHOWN]
    more = " ..." if len(hosts) > SHOWN else ""
    return f"; there are {', '.join(shown)}{more}" if shown else "; none has been seen yet"


def _times(data: Mapping[str, Any], now: float, at: str) -> tuple[float | None, float | None]:
    start = _time(data.get("start"), now, inside(at, "start"))
    end = _time(data.get("end"), now, inside(at, "end"))
    if end is not None and end <= now:
        raise fault(inside(at, "end"), f"{data['end']!r:.40} is past")
    if start is not None and end is not None and end <= start:
        raise fault(inside(at, "end"), f"{data['end']!r:.40} is not after the start")
    return start, end


def _time(value: Any, now: float, at: str) -> float | None:
    if value is None:
        return None
    if not isinstance(value, str):
        return float(value)
    if value.startswith("+"):
        moment = now + float(value[1:-1]) * SPANS[value[-1]]
    else:
        try:
            read_as = datetime.fromisoformat(value)
        except ValueError as error:
            raise fault(at, f"{value!r:.40} is no time: {error}") from None
        moment = (read_as if read_as.tzinfo else read_as.replace(tzinfo=UTC)).timestamp()
    if not (math.isfinite(moment) and 0 <= moment <= MOST_TIME):
        raise fault(at, f"{value!r:.40} is too far away")
    return moment


def parse_json(text: bytes) -> Any:
    """Read JSON in which no key is there twice; NaN is left for :func:`read` to name.

    Raises
    ------
    InputError
    """
    try:
        return json.loads(text, object_pairs_hook=_once)
    except InputError:
        raise
    except (ValueError, RecursionError) as error:
        raise InputError(f"the body is not JSON: {error}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise InputError(f"{key:.40}: is given twice")
        found[key] = value
    return found
