"""Framing of messages between processes: sans-io, no socket is touched here.

A frame is four bytes of length (big endian) and a pickle. Pickle runs code while it loads, so it
is fit only for what it is used for: anonymous socket pairs between processes that this project
itself started on one machine as one user. Nothing that comes from a network may be fed to a
:class:`Decoder`.

Plans, placements and snapshots hold thousands of small objects, and the controller packs and
unpacks them between two OpenFlow messages; they travel as flat arrays of numbers, which takes a
tenth of the time of pickling each object.
"""

from __future__ import annotations

import io
import pickle
import struct
from array import array
from collections.abc import Callable, Iterable
from typing import Any

from qb_controller.errors import OptimiserError
from qb_controller.model.network import LinkId, Network, Path
from qb_controller.model.plan import Plan, Route, Share
from qb_controller.model.slices import Ends, Pipe, Placement, SliceRequest
from qb_controller.model.telemetry import Demand, NetworkSnapshot

MAX_FRAME = 512 * 2**20
"""Largest frame in bytes. A snapshot of 158 switches and 25,000 routes takes 4 MB; the couplings of
2,000 access points on 24 channels 160 MB."""

_LENGTH = struct.Struct(">I")


def encode(message: object) -> bytes:
    """One message as a frame.

    Raises
    ------
    OptimiserError
        The message is larger than :data:`MAX_FRAME`.
    """
    buffer = io.BytesIO()
    buffer.write(b"\0\0\0\0")
    _Pickler(buffer, protocol=5).dump(message)
    size = buffer.tell() - _LENGTH.size
    if size > MAX_FRAME:
        raise OptimiserError(
            f"{type(message).__name__} takes {size} bytes, more than the {MAX_FRAME} of a frame"
        )
    buffer.seek(0)
    buffer.write(_LENGTH.pack(size))
    return buffer.getvalue()


class Decoder:
    """Collects bytes and gives back whole messages, in order."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Any]:
        """Take what was read; return the messages it completes (often none).

        Raises
        ------
        OptimiserError
            A frame announces more than :data:`MAX_FRAME` bytes or does not unpickle; the stream
            cannot be used any further.
        """
        self._buffer += data
        messages = []
        while len(self._buffer) >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._buffer)
            if size > MAX_FRAME:
                raise OptimiserError(f"frame of {size} bytes announced, {MAX_FRAME} are allowed")
            end = _LENGTH.size + size
            if len(self._buffer) < end:
                break
            frame = bytes(memoryview(self._buffer)[_LENGTH.size : end])
            del self._buffer[:end]
            try:
                messages.append(pickle.loads(frame))
            except Exception as error:
                raise OptimiserError(f"frame of {size} bytes does not unpickle: {error}") from error
        return messages


def _pack_routes(routes: Iterable[Route]) -> array[int]:
    """Routes as numbers: ingress, egress, shares, then weight, length, (dpid, port)... of each."""
    numbers: list[int] = []
    for route in routes:
        numbers += (route.ingress, route.egress, len(route.shares))
        for share in route.shares:
            numbers += (share.weight, share.path.egress, len(share.path.links))
            for link in share.path.links:
                numbers += link
    return array("Q", numbers)


def _unpack_routes(packed: array[int]) -> tuple[Route, ...]:
    numbers = packed.tolist()
    links: dict[tuple[int, int], LinkId] = {}
    routes = []
    at = 0
    while at < len(numbers):
        ingress, egress, count = numbers[at : at + 3]
        at += 3
        shares = []
        for _ in range(count):
            weight, end, length = numbers[at : at + 3]
            at += 3
            path = []
            for key in zip(
                numbers[at : at + 2 * length : 2],
                numbers[at + 1 : at + 2 * length : 2],
                strict=True,
            ):
                link = links.get(key)
                if link is None:
                    link = links[key] = LinkId(*key)
                path.append(link)
            at += 2 * length
            shares.append(Share(Path(tuple(path), end), weight))
        routes.append(Route(ingress, egress, tuple(shares)))
    return tuple(routes)


def _plan(owner: str, decision: int, routes: array[int]) -> Plan:
    return Plan(owner, decision, _unpack_routes(routes))


def _reduce_plan(plan: Plan) -> tuple[Callable[..., Plan], tuple[Any, ...]]:
    return _plan, (plan.owner, plan.decision, _pack_routes(plan.routes))


def _snapshot(
    network: Network,
    pairs: array[int],
    rates: array[float],
    installed: array[int],
    taken_at: float,
    link_rates: dict[LinkId, float],
) -> NetworkSnapshot:
    ends = pairs.tolist()
    demands = tuple(map(Demand, ends[::2], ends[1::2], rates.tolist()))
    return NetworkSnapshot(network, demands, _unpack_routes(installed), taken_at, link_rates)


def _reduce_snapshot(
    snapshot: NetworkSnapshot,
) -> tuple[Callable[..., NetworkSnapshot], tuple[Any, ...]]:
    pairs = array("Q")
    for demand in snapshot.demands:
        pairs.extend((demand.ingress, demand.egress))
    rates = array("d", [demand.rate for demand in snapshot.demands])
    return _snapshot, (
        snapshot.network,
        pairs,
        rates,
        _pack_routes(snapshot.installed),
        snapshot.taken_at,
        dict(snapshot.link_rates),
    )


def _placement(
    request: SliceRequest,
    number: int,
    decision: int,
    names: list[str],
    paths: array[int],
    links: array[int],
    rates: array[float],
) -> Placement:
    numbers, at = paths.tolist(), 0
    found: list[Path | None] = []
    while at < len(numbers):
        egress, length = numbers[at : at + 2]
        flat = numbers[at + 2 : at + 2 + 2 * length]
        at += 2 + 2 * length
        chain = tuple(map(LinkId, flat[::2], flat[1::2]))
        found.append(Path(chain, egress) if length else None)
    ends = map(Ends, names[::2], names[1::2])
    pipes = tuple(map(Pipe, ends, found[::2], found[1::2]))
    ids = links.tolist()
    held = dict(zip(map(LinkId, ids[::2], ids[1::2]), rates.tolist(), strict=True))
    return Placement(request, number, decision, pipes, held)


def _reduce_placement(place: Placement) -> tuple[Callable[..., Placement], tuple[Any, ...]]:
    """Two paths for each pipe, an end and a length before their links; no path has length 0."""
    numbers: list[int] = []
    for pipe in place.pipes:
        for path in (pipe.path, pipe.backup):
            numbers += (path.egress, len(path.links)) if path is not None else (0, 0)
            for link in path.links if path is not None else ():
                numbers += link
    names = [name for pipe in place.pipes for name in pipe.ends]
    links = array("Q", [number for link in place.held for number in link])
    rates = array("d", place.held.values())
    what = (place.request, place.number, place.decision)
    return _placement, (*what, names, array("Q", numbers), links, rates)


class _Pickler(pickle.Pickler):
    dispatch_table = {  # noqa: RUF012
        Plan: _reduce_plan,
        Placement: _reduce_placement,
        NetworkSnapshot: _reduce_snapshot,
    }
