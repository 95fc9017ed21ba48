"""Slices and events as the REST interface takes and gives them.

Rates are bit/s, times Unix seconds, delays seconds; loss is a fraction.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from qb_controller.applications.slice_requests import as_mapping, differences, parse_json, read
from qb_controller.applications.slice_requests import read_all as read_set
from qb_controller.applications.slice_schema import REQUEST, REQUESTS
from qb_controller.errors import InputError
from qb_controller.model.delivered import Delivered, Latency, PipeQuality
from qb_controller.model.network import Network, Path
from qb_controller.model.slice_life import Event, Slice
from qb_controller.model.slices import Pipe, SliceRequest, State
from qb_controller.northbound import params
from qb_controller.northbound.resources import Row, path_names
from qb_controller.northbound.view import View

STATES: tuple[str, ...] = get_args(State)

MOST_EVENTS = 1000
"""Events in one answer."""

PAUSE_EVERY = 100
"""Slices written between two pauses: about a millisecond."""

KEEP_ALIVE_S = 15.0
"""A stream without events says so often that it is still there."""


def schema() -> Row:
    """The published form of one request and of a whole set."""
    return {"request": REQUEST, "requests": REQUESTS}


def rows(view: View, state: str | None = None) -> Iterator[Row]:
    """One row for each slice; expired ones only where they are asked for.

    Raises
    ------
    InputError
        There is no such state.
    """
    if state is not None and state not in STATES:
        raise InputError(f"state={state}: there are {', '.join(STATES)}")
    measured = view.delivered()
    return (
        row(one, measured.get(one.name))
        for one in view.slices()
        if one.state == state or (state is None and one.state != "expired")
    )


def row(one: Slice, measured: Delivered | None) -> Row:
    request = one.request
    latency = measured.latency if measured else None
    ends = list(request.hosts) or [f"{src}>{dst}" for src, dst in request.pairs]
    return {
        "slice": one.name,
        "state": one.state,
        "model": "hose" if request.is_hose else "pipe",
        "ends": ends,
        "rate": request.rate,
        "rate_back": request.rate_back,
        "latency_s": request.latency,
        "isolation": request.isolation,
        "protection": request.protection,
        "worth": request.worth,
        "offered": measured.offered if measured else None,
        "delivered": measured.delivered if measured else None,
        "loss": measured.loss if measured else None,
        "measured_latency_s": latency.seconds if latency else None,
        "violation": measured.violation if measured else "",
        "detail": one.detail,
        "number": one.number,
        "decision": one.decision or None,
        "since": one.since,
        "asked_at": one.asked_at,
        "start": request.start,
        "end": request.end,
    }


def one_slice(view: View, name: str) -> Row:
    """Everything about one slice.

    Raises
    ------
    NotFound
    """
    one = view.slice(name)
    measured = view.delivered().get(name)
    return {
        **row(one, measured),
        "request": as_mapping(one.request),
        "pipes": _pipes(view.network(), one, measured),
        "held": _held(view.network(), one),
    }


def _pipes(network: Network, one: Slice, measured: Delivered | None) -> list[Row]:
    if one.placement is None:
        return []
    quality = {pipe.ends: pipe for pipe in measured.pipes} if measured else {}
    return [_pipe(network, one, pipe, quality.get(pipe.ends)) for pipe in one.placement.pipes]


def _pipe(network: Network, one: Slice, pipe: Pipe, found: PipeQuality | None) -> Row:
    return {
        "from": pipe.ends.src,
        "to": pipe.ends.dst,
        "path": _names(network, pipe.path),
        "backup": _names(network, pipe.backup),
        "promised": one.request.limit(pipe.ends),
        "offered": found.offered if found else None,
        "delivered": found.delivered if found else None,
        "loss": found.loss if found else None,
        "propagation_s": found.delay_s if found else None,
        **_latency(found.latency if found else None),
    }


def _latency(found: Latency | None) -> Row:
    """What probes measured, with its uncertainty either way."""
    known = found if found is not None and found.seconds is not None else None
    return {
        "measured_latency_s": known.seconds if known else None,
        "uncertainty_s": known.error_s if known else None,
        "probes": found.sent if found else None,
        "probes_lost": found.lost if found else None,
    }


def _names(network: Network, path: Path | None) -> list[str] | None:
    return path_names(network, path) if path is not None else None


def _held(network: Network, one: Slice) -> list[Row]:
    if one.placement is None:
        return []
    links = network.link_by_id
    return [
        {"from": network.name(link.dpid), "to": network.name(links[link].dst), "rate": rate}
        for link, rate in sorted(one.placement.held.items())
        if link in links
    ]


def create(view: View, body: bytes) -> Any:
    """Take in one request, or several at once as ``{"slices": [...]}``.

    Raises
    ------
    InputError
        Naming the field; then nothing has changed.
    """
    data, now = parse_json(body), time.time()
    if isinstance(data, dict) and "slices" in data:
        requests = read_set(data, now, view.network().switch_of_host, view.pause)
        view.ask_slices(requests)
        rows = []
        for count, each in enumerate(requests):
            if count % PAUSE_EVERY == 0:
                view.pause()
            rows.append(row(view.slice(each.name), None))
        return rows
    request = read(data, now, view.network().switch_of_host)
    view.ask_slices((request,))
    return row(view.slice(request.name), None)


def apply(view: View, body: bytes, query: Mapping[str, str]) -> Row:
    """Take in a whole set, or only say what that would change."""
    requests = read_set(parse_json(body), time.time(), view.network().switch_of_host, view.pause)
    before = {one.name: one.request for one in view.slices()}
    if params.flag(query, "dry_run"):
        found = view.compare_slices(requests)
    else:
        found = view.apply_slices(requests)
    after = {request.name: request for request in requests}
    changes = {name: _changes(before[name], after[name]) for name in found["changed"]}
    return {**found, "changes": changes}


def _changes(before: SliceRequest, after: SliceRequest) -> Row:
    found = differences(before, after)
    return {field: {"before": old, "after": new} for field, (old, new) in found.items()}


def delete(view: View, name: str) -> Row:
    view.delete_slice(name)
    return {"deleted": name}


def event_row(event: Event) -> Row:
    return dict(event._asdict())


def events(view: View, query: Mapping[str, str]) -> list[Row]:
    """Events after ``since``, oldest first; the latest ones where no number is given."""
    limit = params.limit(query, 100, MOST_EVENTS)
    since = params.number(query, "since", -1)
    if since < 0:
        since = max(0, view.newest_event() - limit)
    return [event_row(event) for event in view.events(since, limit)]


def stream(view: View, query: Mapping[str, str]) -> Iterator[str]:
    """Events as they come, as server-sent events; from now on where no number is given."""
    since = params.number(query, "since", -1)
    return _told(view, view.newest_event() if since < 0 else since)


def _told(view: View, since: int) -> Iterator[str]:
    yield ": events of slices\n\n"
    while True:
        found = view.events(since, MOST_EVENTS)
        for event in found:
            since = event.number
            data = json.dumps(event_row(event))
            yield f"id: {event.number}\nevent: {event.kind}\ndata: {data}\n\n"
        if not found and not view.wait_event(since, KEEP_ALIVE_S):
            yield ": nothing new\n\n"
