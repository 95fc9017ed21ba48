"""The REST interface: a plain WSGI application over a :class:`~qb_controller.northbound.view.View`.

All answers are JSON (``/metrics`` is Prometheus text); an error is ``{"error": TEXT, "status":
CODE}``: 400 the request is wrong, 404 no such thing, 405 wrong method, 409 the name is taken, 413
body too large, 503 a switch or the optimiser did not answer, 500 a fault of the controller
(logged).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from qb_controller.errors import Conflict, InputError, NotFound, QBError
from qb_controller.northbound import inspection, jobs, metrics, params, resources, slices
from qb_controller.northbound.readings import Readings
from qb_controller.northbound.view import View

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

LOG = logging.getLogger("qb_controller.northbound")

ROWS_AT_ONCE = 50
"""Rows of a list worked out between two pauses: about two milliseconds."""

TE_KEYS = ("enabled", "backend", "split", "deadline_s")


@dataclass(frozen=True)
class Call:
    """A checked request: its query, the variable part of its path, its body (read or as it is)."""

    query: dict[str, str]
    name: str
    body: dict[str, object]
    data: bytes = b""


@dataclass(frozen=True)
class Endpoint:
    """One method of one path.

    Attributes
    ----------
    method, path : str
        As in a werkzeug rule; at most one variable part, called ``name``.
    meaning : str
        Shown by the index.
    answer : callable
    query, body : tuple of str
        Allowed query parameters and keys of the body.
    unread : int
        Most bytes of a body that is passed on as it is; 0 where it is read here.
    bodiless : bool
        Whether no body is wanted although it is no GET.
    """

    method: str
    path: str
    meaning: str
    answer: Callable[[Call], Any]
    query: tuple[str, ...] = ()
    body: tuple[str, ...] = ()
    unread: int = 0
    bodiless: bool = False


class RestApi:
    """WSGI application.

    Parameters
    ----------
    view : View
        The live controller. Methods are called from whatever thread or greenlet serves the
        request.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._readings = Readings()
        endpoints = self._endpoints()
        self._index = [
            {"method": one.method, "path": one.path, "query": one.query, "meaning": one.meaning}
            for one in endpoints
        ]
        self._map = Map(
            [Rule(one.path, methods=[one.method], endpoint=one) for one in endpoints],
            strict_slashes=False,
            merge_slashes=False,
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._respond(Request(environ))(environ, start_response)

    def _respond(self, request: Request) -> Response:
        try:
            return self._answer(request)
        except NotFound as error:
            return _failure(404, str(error))
        except Conflict as error:
            return _failure(409, str(error))
        except InputError as error:
            return _failure(400, str(error))
        except QBError as error:
            return _failure(503, str(error))
        except MethodNotAllowed as error:
            allowed = ", ".join(sorted(error.valid_methods or ()))
            text = f"{request.method} is not allowed for {request.path}; allowed: {allowed}"
            return _failure(405, text, {"Allow": allowed})
        except HTTPException as error:
            text = f"{request.path}: {error.name.lower()}" if error.code == 404 else error.name
            return _failure(error.code or 500, text)
        except Exception:
            LOG.exception("%s %s failed", request.method, request.path)
            return _failure(500, "a fault in the controller; its log has the details")

    def _answer(self, request: Request) -> Response:
        endpoint, variables = self._map.bind_to_environ(request.environ).match()
        request.max_content_length = endpoint.unread or params.MAX_BODY
        given = {key: request.args.getlist(key) for key in request.args}
        query = params.query(given, endpoint.query)
        body: dict[str, object] = {}
        data = b""
        if endpoint.unread:
            params.is_json(request.mimetype)
            data = request.get_data()
        elif endpoint.method != "GET" and not endpoint.bodiless:
            body = params.body(request.get_data(), request.mimetype, endpoint.body)
        value = endpoint.answer(Call(query, str(variables.get("name", "")), body, data))
        if isinstance(value, Response):
            return value
        if isinstance(value, Iterator):
            rows = _in_pieces(value, self._view.pause)
            return Response(rows, mimetype="application/json")
        return _json(200, value)

    def _endpoints(self) -> list[Endpoint]:
        several = self._state(), self._rules_and_decisions(), self._slices(), self._applications()
        return [endpoint for some in several for endpoint in some]

    def _slices(self) -> list[Endpoint]:
        """Slices and what happens to them."""
        view = self._view
        path, one, size = "/v1/slices", "/v1/slices/<name>", params.MAX_SLICES
        return [
            Endpoint(
                "GET",
                path,
                "slices, expired ones only with state=expired",
                lambda call: slices.rows(view, call.query.get("state")),
                ("state",),
            ),
            Endpoint(
                "POST",
                path,
                "ask for a slice, or for several at once",
                lambda call: _json(201, slices.create(view, call.data)),
                unread=size,
            ),
            Endpoint(
                "PUT",
                path,
                "apply a whole set of slices; dry_run=true only tells what would change",
                lambda call: slices.apply(view, call.data, call.query),
                ("dry_run",),
                unread=size,
            ),
            Endpoint(
                "GET",
                "/v1/schemas/slices",
                "JSON schema of a request and of a set",
                lambda call: slices.schema(),
            ),
            Endpoint(
                "GET", one, "a slice and its paths", lambda call: slices.one_slice(view, call.name)
            ),
            Endpoint(
                "DELETE",
                one,
                "end a slice",
                lambda call: slices.delete(view, call.name),
                bodiless=True,
            ),
            Endpoint(
                "GET",
                "/v1/events",
                "what happened to slices, after a number",
                lambda call: slices.events(view, call.query),
                ("since", "limit"),
            ),
            Endpoint(
                "GET",
                "/v1/events/stream",
                "the same as server-sent events, as they come",
                lambda call: _streamed(slices.stream(view, call.query)),
                ("since",),
            ),
        ]

    def _applications(self) -> list[Endpoint]:
        """Optimisation for others."""
        return [
            Endpoint(
                "POST",
                "/v1/wireless",
                "channels for a radio scenario: scenario, deadline_s, objective, backend, seed",
                lambda call: _passed_on(self._view.channels(call.data)),
                unread=params.MAX_SCENARIO,
            ),
            *(
                Endpoint(method, path, meaning, _passing(do), **more)
                for method, path, meaning, do, more in jobs.endpoints(self._view)
            ),
        ]

    def _state(self) -> list[Endpoint]:
        """What the controller knows and how it is set."""
        view = self._view
        return [
            Endpoint("GET", "/", "this list", lambda call: self._index),
            Endpoint(
                "GET", "/v1/status", "controller and optimiser", lambda call: resources.status(view)
            ),
            Endpoint(
                "GET",
                "/v1/topology",
                "switches, hosts and links",
                lambda call: resources.topology(view),
            ),
            Endpoint("GET", "/v1/links", "load of every link", lambda call: resources.links(view)),
            Endpoint(
                "GET", "/v1/hosts", "hosts and where they are", lambda call: resources.hosts(view)
            ),
            Endpoint(
                "GET",
                "/v1/demands",
                "the measured traffic matrix",
                lambda call: resources.demands(view),
            ),
            Endpoint(
                "GET", "/v1/te", "settings of traffic engineering", lambda call: resources.te(view)
            ),
            Endpoint(
                "PATCH",
                "/v1/te",
                "change settings of traffic engineering",
                self._set_te,
                (),
                TE_KEYS,
            ),
            Endpoint("GET", "/metrics", "metrics for Prometheus", self._metrics),
        ]

    def _rules_and_decisions(self) -> list[Endpoint]:
        """What the switches do, and why."""
        view = self._view
        return [
            Endpoint(
                "GET",
                "/v1/flows",
                "every live rule, asked of the switches now",
                self._flows,
                ("switch", "pair", "owner", "slice"),
            ),
            Endpoint("GET", "/v1/path", "the path packets take now", self._path, ("from", "to")),
            Endpoint(
                "GET", "/v1/plan", "paths of every steered pair", lambda call: resources.plan(view)
            ),
            Endpoint(
                "GET",
                "/v1/decisions",
                "latest decisions, newest first",
                self._decisions,
                ("limit", "status"),
            ),
            Endpoint(
                "GET",
                "/v1/decisions/<name>",
                "everything about one decision (or `last`)",
                lambda call: resources.decision(view, call.name),
            ),
            Endpoint(
                "GET",
                "/v1/drift",
                "what the switches hold against what was meant",
                lambda call: inspection.drift(view),
            ),
            Endpoint(
                "POST",
                "/v1/repair",
                "make the switches hold what was meant",
                lambda call: inspection.repair(view),
            ),
        ]

    def _flows(self, call: Call) -> Any:
        return inspection.flows(self._view, self._readings, call.query)

    def _path(self, call: Call) -> Any:
        network = self._view.network()
        source = params.place(network, params.needed(call.query, "from"))
        target = params.place(network, params.needed(call.query, "to"))
        return inspection.path(self._view, source, target)

    def _decisions(self, call: Call) -> Any:
        limit = params.limit(call.query, 20, 10_000)
        return resources.decisions(self._view, limit, call.query.get("status"))

    def _set_te(self, call: Call) -> Any:
        view = self._view
        view.set_te(params.te_change(view.te(), call.body, view.backends()))
        return resources.te(view)

    def _metrics(self, call: Call) -> Response:
        text = metrics.render(metrics.collect(self._view))
        return Response(text, content_type=metrics.CONTENT_TYPE)


def make_app(view: View) -> RestApi:
    """WSGI application over a view."""
    return RestApi(view)


def _streamed(lines: Iterator[str]) -> Response:
    return Response(lines, headers={"Cache-Control": "no-store"}, mimetype="text/event-stream")


def _in_pieces(rows: Iterator[object], pause: Callable[[], None]) -> Iterator[str]:
    """Write a JSON list bit by bit: tens of thousands of rows must not hold up the event loop."""
    start = "["
    while piece := list(islice(rows, ROWS_AT_ONCE)):
        yield start + ",\n".join(json.dumps(row, allow_nan=False) for row in piece)
        start = ",\n"
        pause()
    yield ("[" if start == "[" else "") + "]\n"


def _json(code: int, value: object, headers: dict[str, str] | None = None) -> Response:
    text = json.dumps(value, allow_nan=False) + "\n"
    return Response(text, code, headers, mimetype="application/json")


def _passing(ask: Callable[[Call], tuple[int, str]]) -> Callable[[Call], Response]:
    return lambda call: _passed_on(ask(call))


def _passed_on(answer: tuple[int, str]) -> Response:
    """What another process has answered, as it is."""
    code, text = answer
    return Response(text, code, mimetype="application/json")


def _failure(code: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return _json(code, {"error": text, "status": code}, headers)
