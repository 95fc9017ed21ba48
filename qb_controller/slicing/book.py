"""The book of all slices: what was asked for, what became of it; written down at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

from qb_controller.errors import Conflict, NotFound
from qb_controller.model import slice_life as life
from qb_controller.model.slice_life import LIVING, Event, Slice, Told
from qb_controller.model.slices import Ends, SliceRequest
from qb_controller.slicing.store import KEEP_EXPIRED, SliceStore

NUMBERS = 65_535


class SliceBook:
    """Slices by name, in memory and in the store alike.

    Parameters
    ----------
    store : SliceStore
    """

    def __init__(self, store: SliceStore) -> None:
        self._store = store
        self._slices = {one.name: one for one in store.slices()}
        self._newest = max((one.number for one in self._slices.values()), default=0)
        self.on_events: Callable[[Sequence[Event]], None] = lambda events: None
        """Told of events when they are written."""

    def all(self) -> tuple[Slice, ...]:
        """All slices by name, those rejected and expired included."""
        return tuple(one for _, one in sorted(self._slices.items()))

    def living(self) -> list[Slice]:
        return [one for one in self.all() if one.state in LIVING]

    def get(self, name: str) -> Slice | None:
        return self._slices.get(name)

    def find(self, name: str) -> Slice:
        """One slice.

        Raises
        ------
        NotFound
        """
        if name not in self._slices:
            raise NotFound(f"no slice {name!r}")
        return self._slices[name]

    def events(self, since: int, limit: int) -> tuple[Event, ...]:
        """Events with numbers above ``since``, oldest first."""
        return self._store.events(since, limit)

    def newest_event(self) -> int:
        """Number of the newest event, 0 where there is none."""
        return self._store.newest()

    def keep(self, slices: Sequence[Slice], told: Sequence[Told]) -> None:
        """Write down slices as they are now and what is to be told of it, all or nothing."""
        if not slices and not told:
            return
        events = self._store.write(slices, told)
        self._slices |= {one.name: one for one in slices}
        if len(self._slices) > 2 * KEEP_EXPIRED:
            self._forget()
        if events:
            self.on_events(events)

    def _forget(self) -> None:
        """Drop the expired ones that the store does not keep, either."""
        over = [one for one in self._slices.values() if one.state == "expired"]
        over.sort(key=lambda one: one.since)
        for one in over[:-KEEP_EXPIRED]:
            del self._slices[one.name]

    def difference(self, requests: Iterable[SliceRequest]) -> dict[str, list[str]]:
        """Names that a whole set would create, change, leave and delete.

        What was rejected before is asked for again where it is in the set, and goes where not.
        """
        living = {one.name: one for one in self.living()}
        rejected = {one.name for one in self.all() if one.state == "rejected"}
        asked = {request.name: request for request in requests}
        both = sorted(asked.keys() & living.keys())
        return {
            "created": sorted(asked.keys() - living.keys()),
            "changed": [name for name in both if asked[name] != living[name].request],
            "unchanged": [name for name in both if asked[name] == living[name].request],
            "deleted": sorted((living.keys() | rejected) - asked.keys()),
        }

    def check_free(self, requests: Iterable[SliceRequest]) -> None:
        """Check that no name is that of a living slice.

        Raises
        ------
        Conflict
        """
        for request in requests:
            before = self._slices.get(request.name)
            if before is not None and before.state in LIVING:
                raise Conflict(f"name: {request.name} is taken by a slice that is {before.state}")

    def take(
        self,
        created: Iterable[SliceRequest],
        changed: Iterable[SliceRequest],
        deleted: Collection[str],
        now: float,
    ) -> None:
        """Write down what is asked for, all or nothing.

        Parameters
        ----------
        created : iterable of SliceRequest
            Their names are free.
        changed : iterable of SliceRequest
            Of living slices.
        deleted : collection of str
            Names of slices that have not ended.
        now : float
            Unix time.

        Raises
        ------
        Conflict
            There are too many, or two for the same hosts at the same time.
        """
        created, changed = list(created), list(changed)
        gone = {*deleted, *(request.name for request in changed)}
        kept = [one.request for one in self.living() if one.name not in gone]
        check_pairs(kept, [*created, *changed])
        slices: list[Slice] = []
        told: list[Told] = []
        taken = {one.number for one in self._slices.values()}
        for request in created:
            before = self._slices.get(request.name)
            number = before.number if before else self._number(taken)
            slices.append(Slice(request, number, "pending", now, now))
            told.append((now, request.name, "asked", "asked for"))
        for request in changed:
            one = self._slices[request.name]
            fresh = one if one.state == "pending" else life.followed_by(one, "pending", now)
            slices.append(replace(fresh, request=request, detail="", asked_at=now))
            told.append((now, request.name, "changed", "asked for in another form"))
        for name in deleted:
            slices.append(life.ended(self._slices[name], now, "deleted"))
            told.append((now, name, "deleted", "deleted"))
        self.keep(slices, told)

    def _number(self, taken: set[int]) -> int:
        """The next number that is not taken, which it is from now on."""
        for _ in range(NUMBERS):
            self._newest = self._newest % NUMBERS + 1
            if self._newest not in taken:
                taken.add(self._newest)
                return self._newest
        raise Conflict("name: no number is left for another slice; delete some")


def check_pairs(kept: Iterable[SliceRequest], fresh: Iterable[SliceRequest]) -> None:
    """Check that no packet would belong to two slices: they are told apart by their hosts.

    Raises
    ------
    Conflict
        Naming the slice, the hosts, and the slice that has them already.
    """
    there: dict[Ends, list[SliceRequest]] = {}
    for request in kept:
        for ends in request.pipes():
            there.setdefault(ends, []).append(request)
    for request in fresh:
        field = "hosts" if request.is_hose else "pairs"
        for ends in request.pipes():
            for other in there.setdefault(ends, []):
                if _overlap(request, other):
                    raise Conflict(
                        f"{field}: packets from {ends.src} to {ends.dst} would be in "
                        f"{request.name} and in {other.name}"
                    )
            there[ends].append(request)


def _overlap(one: SliceRequest, other: SliceRequest) -> bool:
    begin = max(one.start or 0.0, other.start or 0.0)
    ends = [request.end for request in (one, other) if request.end is not None]
    return begin < min(ends, default=math.inf)
