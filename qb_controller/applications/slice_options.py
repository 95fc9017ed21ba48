"""Ways of carrying each slice: what is asked for in arrays, and a catalogue of options.

An option is a path (and where asked for a disjoint backup) for every pipe of a request. Options
are made for all requests at once, one for each weighting of the links: every pipe takes its
shortest path under it. So a request of many pipes gets as many options as a request of one, and
weightings by price give the option that is cheapest as a whole.

What an option holds of a link: in the pipe model the sum of its pipes' rates; in the hose model the
lesser of what the senders may send and the receivers may receive whose pipes cross the link
(Duffield et al., SIGCOMM 1999); with links of its own all that may be set aside. Backups hold as
much as if they were in use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from qb_controller.applications import slice_kernels as kernels
from qb_controller.applications.slice_graph import Found, Ground, disjoint, shortest
from qb_controller.model.network import Path, path_of
from qb_controller.model.slices import Ends, Pipe, Placement, SliceRequest
from quantum_backends.routing import Floats, Ints

Bools = npt.NDArray[np.bool_]

STRETCH = (0.0, 0.3, 1.0, 3.0)
"""Where the shortest path takes too long, delays are added to the weights, so many times the mean
weight over the mean delay, and the first path in time is taken (as LARAC does, Juettner et al.,
INFOCOM 2001)."""


@dataclass(frozen=True, eq=False)
class Asked:
    """Requests as arrays; pipe p of all of them in one row.

    Attributes
    ----------
    requests : tuple of SliceRequest
    first : int array (r + 1,)
        Pipes of request i are ``first[i] .. first[i + 1] - 1``.
    request, source, target : int arrays (p,)
    sender, receiver : int arrays (p,)
        Numbers of the hosts within their request.
    limit : float array (p,)
        Bit/s of each pipe by itself.
    latency : float array (p,)
        Seconds, infinite for any.
    hose, own, safe : bool arrays (r,)
        Model; links of its own; protected.
    rate, rate_back : float arrays (r,)
    """

    requests: tuple[SliceRequest, ...]
    first: Ints
    request: Ints
    source: Ints
    target: Ints
    sender: Ints
    receiver: Ints
    limit: Floats
    latency: Floats
    hose: Bools
    own: Bools
    safe: Bools
    rate: Floats
    rate_back: Floats


def asked_of(ground: Ground, requests: Sequence[SliceRequest]) -> Asked:
    """Arrays of requests whose hosts are all there."""
    counts: list[int] = []
    rows: list[tuple[int, int, int, int, int, float, float]] = []
    for i, request in enumerate(requests):
        pipes = request.pipes()
        counts.append(len(pipes))
        number: dict[str, int] = {}
        latency = np.inf if request.latency is None else request.latency
        for ends in pipes:
            a, b = (number.setdefault(host, len(number)) for host in ends)
            limit = request.limit(ends)
            at = ground.host[ends.src], ground.host[ends.dst]
            rows.append((i, *at, a, b, limit, latency))
    columns = list(zip(*rows, strict=True)) if rows else [()] * 7
    owner, source, target, sender, receiver = (
        np.array(column, dtype=np.int64) for column in columns[:5]
    )
    return Asked(
        tuple(requests),
        np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        owner,
        source,
        target,
        sender,
        receiver,
        np.array(columns[5], dtype=np.float64),
        np.array(columns[6], dtype=np.float64),
        np.array([request.is_hose for request in requests], dtype=bool),
        np.array([request.isolation == "links" for request in requests], dtype=bool),
        np.array([request.protection == "disjoint" for request in requests], dtype=bool),
        np.array([request.rate for request in requests], dtype=np.float64),
        np.array([request.rate_back for request in requests], dtype=np.float64),
    )


def _joined(parts: Sequence[Ints]) -> Ints:
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


@dataclass
class Catalogue:
    """Options of requests in flat arrays, as they are found.

    Attributes
    ----------
    ground : Ground
    asked : Asked
    closed : bool array (m,)
        Links that nobody gets: those of running slices with links of their own.
    kept : bool array (m,)
        Links that slices with links of their own must leave to the rest.
    """

    ground: Ground
    asked: Asked
    closed: Bools
    kept: Bools
    _request: list[Ints] = field(default_factory=list)
    _slots: list[tuple[Ints, Ints, Ints, Ints]] = field(default_factory=list)
    _link: list[Ints] = field(default_factory=list)
    _offset: int = 0
    _seen: set[tuple[int, int]] = field(default_factory=set)
    _use: list[tuple[Ints, Ints, Floats]] = field(default_factory=list)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(1)
        self._keys = rng.integers(1, 2**62, (2, len(self.ground.links)), dtype=np.int64)
        self._odd = rng.integers(1, 2**62, len(self.asked.request), dtype=np.int64) | 1
        distinct = self.asked.source != self.asked.target
        own = self.asked.own[self.asked.request]
        safe = self.asked.safe[self.asked.request]
        self._classes = [
            (np.flatnonzero(distinct & (own == o) & (safe == s)), o, s)
            for o in (False, True)
            for s in (False, True)
        ]

    def __len__(self) -> int:
        return sum(map(len, self._request))

    def find(
        self,
        shared: Floats,
        private: Floats,
        quick: bool = True,
        closed: Bools | None = None,
        only: Bools | None = None,
    ) -> tuple[Ints, Ints, Ints, Ints, Ints, Bools]:
        """Ways of every pipe under weights for shared links, and for links of one's own.

        Parameters
        ----------
        quick : bool
            Keep to the latencies asked for.
        closed : bool array (m,), optional
            Further links that must not be used.
        only : bool array (r,), optional
            Requests that ways are looked for; the others get none.

        Returns
        -------
        tuple
            Begin and end of the primary, begin and end of the backup (p,) in the array of links
            that follows; whether each pipe has what it needs (p,).
        """
        p = len(self.asked.request)
        bounds = np.zeros((4, p), np.int64)
        ok = self.asked.source == self.asked.target
        links: list[Ints] = []
        offset = 0
        barred = self.closed if closed is None else self.closed | closed
        if only is not None:
            ok &= only[self.asked.request]
        for every, own, safe in self._classes:
            pipes = every if only is None else every[only[self.asked.request[every]]]
            if not len(pipes):
                continue
            weight = private if own else shared
            shut = barred | self.kept if own else barred
            parts, good = self._class(pipes, weight, shut, safe, quick)
            for row, found in enumerate(parts):
                bounds[2 * row, pipes] = found.start[:-1] + offset
                bounds[2 * row + 1, pipes] = found.start[1:] + offset
                links.append(found.link)
                offset += len(found.link)
            ok[pipes] = good
        return (*bounds, _joined(links), ok)

    def _class(
        self, pipes: Ints, weight: Floats, closed: Bools, safe: bool, quick: bool
    ) -> tuple[list[Found], Bools]:
        """Ways of pipes that are alike; the quickest where nothing shorter is in time."""
        asked, ground = self.asked, self.ground
        key = asked.source[pipes] * len(ground.node) + asked.target[pipes]
        pairs, which = np.unique(key, return_inverse=True)
        source, target = np.divmod(pairs, len(ground.node))
        latency = asked.latency[pipes] if quick else np.full(len(pipes), np.inf)
        scale = float(weight.mean()) / (float(ground.delay.mean()) or 1.0)
        taken = np.full(len(pipes), -1)
        tried: list[list[Found]] = []
        for stretch in (*STRETCH, np.inf):
            mixed = ground.delay + 1e-9 if np.isinf(stretch) else weight
            if 0 < stretch < np.inf:
                mixed = weight + stretch * scale * ground.delay
            left = np.unique(which[taken < 0])
            ends = source[left], target[left]
            if safe:
                found = list(disjoint(ground.arcs, mixed, closed, *ends))
            else:
                found = [shortest(ground.arcs, mixed, closed, *ends)]
            found = [_spread(each, left, len(pairs)) for each in found]
            slowest = np.max([each.sums(ground.delay) for each in found], axis=0)
            fits = slowest[which] <= latency * (1 + 1e-9)
            fits &= np.isfinite(slowest[which])
            taken[(taken < 0) & fits] = len(tried)
            tried.append(found)
            if (taken >= 0).all() or not np.isfinite(latency).any():
                break
        return _picked(tried, np.maximum(taken, 0), which), taken >= 0

    def add(self, ways: tuple[Ints, Ints, Ints, Ints, Ints, Bools]) -> Ints:
        """Enter an option for each request whose pipes all have a way that is new.

        An option that needs more of a link than may be set aside is left out.

        Returns
        -------
        int array
            The requests that got one.
        """
        begin, end, other, last, link, ok = ways
        asked = self.asked
        complete = np.logical_and.reduceat(ok, asked.first[:-1]) if len(ok) else ok
        requests = np.flatnonzero(complete)
        names = kernels.names(asked.first, begin, end, other, last, link, self._keys, self._odd)
        fresh = [i for i in requests.tolist() if (i, int(names[i])) not in self._seen]
        self._seen.update((i, int(names[i])) for i in fresh)
        new = np.array(fresh, dtype=np.int64)
        use = kernels.uses(new, *self._how(), begin, end, other, last, link)
        start, resource, amount = use
        fits = kernels.fits(start, resource, amount, self.ground.capacity * (1 + 1e-12))
        if not fits.all():
            rows = np.repeat(fits, np.diff(start))
            counts = np.diff(start)[fits]
            start = np.concatenate(([0], np.cumsum(counts)))
            resource, amount, new = resource[rows], amount[rows], new[fits]
        if len(new):
            self._request.append(new)
            moved = tuple(x + self._offset for x in (begin, end, other, last))
            self._slots.append((moved[0], moved[1], moved[2], moved[3]))
            self._link.append(link)
            self._offset += len(link)
            self._use.append((start, resource, amount))
        return new

    def enter_running(self, placements: Sequence[Placement]) -> None:
        """Enter what runs, for the first requests in turn, as it is and with what it holds."""
        index = self.ground.index
        p = len(self.asked.request)
        bounds = np.zeros((4, p), np.int64)
        ok = np.zeros(p, bool)
        links: list[int] = []
        at = 0
        for placement in placements:
            for pipe in placement.pipes:
                for row, path in enumerate((pipe.path, pipe.backup)):
                    bounds[2 * row, at] = len(links)
                    links += [index[link] for link in path.links] if path is not None else []
                    bounds[2 * row + 1, at] = len(links)
                ok[at] = True
                at += 1
        new = self.add((*bounds, np.array(links, dtype=np.int64), ok))
        assert len(new) == len(placements), "what runs fits"

    def _how(self) -> tuple[Ints, Floats, Floats, Floats, Ints, Ints, Bools, Bools, Floats]:
        a = self.asked
        rates = (a.limit, a.rate, a.rate_back)
        return (a.first, *rates, a.sender, a.receiver, a.hose, a.own, self.ground.capacity)

    def latest(self) -> tuple[Ints, Ints, Ints, Floats]:
        """The last options entered: requests, and what they hold (start, resource, amount)."""
        return (self._request[-1], *self._use[-1])

    def everything(self) -> tuple[Ints, Ints, Ints, Floats]:
        """All options in the order of entry: requests, start, resource, amount."""
        counts = [np.diff(start) for start, _, _ in self._use]
        start = np.concatenate(([0], np.cumsum(_joined(counts)))).astype(np.int64)
        resource = _joined([resource for _, resource, _ in self._use])
        amount = np.concatenate([*(amount for _, _, amount in self._use), np.zeros(0)])
        return _joined(self._request), start, resource, amount

    def pipes(self, option: int) -> tuple[Pipe, ...]:
        """The pipes of an option, numbered in the order of entry."""
        batch = 0
        while option >= len(self._request[batch]):
            option -= len(self._request[batch])
            batch += 1
        i = int(self._request[batch][option])
        begin, end, other, last = self._slots[batch]
        ends: tuple[Ends, ...] = self.asked.requests[i].pipes()
        offset = sum(map(len, self._link[:batch]))
        link = self._link[batch]
        pipes = []
        for name, p in zip(ends, range(self.asked.first[i], self.asked.first[i + 1]), strict=True):
            primary = self._path(link[begin[p] - offset : end[p] - offset])
            backup = self._path(link[other[p] - offset : last[p] - offset])
            pipes.append(Pipe(name, primary, backup))
        return tuple(pipes)

    def _path(self, links: Ints) -> Path | None:
        return path_of(self.ground.links[i] for i in links.tolist()) if len(links) else None


def _spread(found: Found, where: Ints, count: int) -> Found:
    """The same paths as those of some of so many pairs; the others have none."""
    lengths = np.zeros(count, np.int64)
    lengths[where] = np.diff(found.start)
    return Found(np.concatenate(([0], np.cumsum(lengths))), found.link)


def _picked(tried: list[list[Found]], taken: Ints, which: Ints) -> list[Found]:
    """For each pipe the path that was taken of the pair it belongs to."""
    parts = []
    for row in range(len(tried[0])):
        starts = [found[row].start for found in tried]
        links = [found[row].link for found in tried]
        offset = np.concatenate(([0], np.cumsum([len(each) for each in links])))
        begin = np.stack([start[:-1] + at for start, at in zip(starts, offset, strict=False)])
        end = np.stack([start[1:] + at for start, at in zip(starts, offset, strict=False)])
        link = np.concatenate(links)
        parts.append(Found(*kernels.gathered(begin[taken, which], end[taken, which], link)))
    return parts
