"""Counting packets by the time they were sent, so that any interval can be asked for later.

Times are nanoseconds of ``CLOCK_MONOTONIC``, which all network namespaces of a machine share.
"""

from __future__ import annotations

from array import array

BIN_NS = 10_000_000
"""Resolution of every time window: 10 ms."""
CHUNK_BINS = 100
CHUNK_NS = BIN_NS * CHUNK_BINS


class Bins:
    """How many events fell into each 10 ms, kept for a limited time; the total is kept for ever."""

    __slots__ = ("chunks", "total")

    def __init__(self) -> None:
        self.chunks: dict[int, array[int]] = {}
        self.total = 0

    def add(self, at_ns: int) -> None:
        """Count one event."""
        chunk, slot = divmod(at_ns // BIN_NS, CHUNK_BINS)
        counts = self.chunks.get(chunk)
        if counts is None:
            counts = self.chunks[chunk] = array("H", bytes(2 * CHUNK_BINS))
        counts[slot] += 1
        self.total += 1

    def between(self, first: int, end: int) -> int:
        """Events in the bins first .. end-1 that are still kept."""
        total = 0
        for chunk, counts in self.chunks.items():
            lo = max(first - chunk * CHUNK_BINS, 0)
            hi = min(end - chunk * CHUNK_BINS, CHUNK_BINS)
            if lo < hi:
                total += sum(counts[lo:hi]) if hi - lo < CHUNK_BINS else sum(counts)
        return total

    def series(self, first: int, end: int, step: int) -> list[int]:
        """Events in each ``step`` bins from ``first`` on; the last part may be shorter."""
        return [self.between(at, min(at + step, end)) for at in range(first, end, step)]

    def forget(self, before_chunk: int) -> None:
        """Drop the times of events before a chunk (a second); the total keeps them."""
        for chunk in [chunk for chunk in self.chunks if chunk < before_chunk]:
            del self.chunks[chunk]


class Histogram:
    """Durations in logarithmic classes (an eighth of a power of two), by second.

    A percentile read from it is right to about 6 %.
    """

    __slots__ = ("by_chunk",)

    def __init__(self) -> None:
        self.by_chunk: dict[int, dict[int, int]] = {}

    def add(self, chunk: int, duration_ns: int) -> None:
        """Count one duration in the second ``chunk``."""
        counts = self.by_chunk.get(chunk)
        if counts is None:
            counts = self.by_chunk[chunk] = {}
        name = duration_class(duration_ns)
        counts[name] = counts.get(name, 0) + 1

    def between(self, first_chunk: int, end_chunk: int) -> dict[int, int]:
        """Classes and counts of the seconds first .. end-1 together."""
        total: dict[int, int] = {}
        for chunk, counts in self.by_chunk.items():
            if first_chunk <= chunk < end_chunk:
                merge_counts(total, counts)
        return total

    def forget(self, before_chunk: int) -> None:
        """Drop the seconds before a chunk."""
        for chunk in [chunk for chunk in self.by_chunk if chunk < before_chunk]:
            del self.by_chunk[chunk]


def duration_class(duration_ns: int) -> int:
    """Class of a duration: eight per power of two, durations below 8 ns together."""
    if duration_ns < 8:
        return 0
    bits = duration_ns.bit_length()
    return bits * 8 + ((duration_ns >> (bits - 4)) & 7)


def class_middle(name: int) -> float:
    """Middle of a class in nanoseconds."""
    bits, eighth = divmod(name, 8)
    if bits < 4:
        return 0.0
    return (8 + eighth + 0.5) * float(1 << (bits - 4))


def merge_counts(into: dict[int, int], counts: dict[int, int]) -> None:
    """Add the counts of one histogram to another."""
    for name, count in counts.items():
        into[name] = into.get(name, 0) + count


def percentiles(counts: dict[int, int], shares: tuple[float, ...]) -> list[float | None]:
    """Durations in nanoseconds below which the given shares (0 to 1) lie; None where no data."""
    total = sum(counts.values())
    if not total:
        return [None] * len(shares)
    result: list[float | None] = []
    for share in shares:
        need, passed = share * total, 0
        value = 0.0
        for name in sorted(counts):
            passed += counts[name]
            value = class_middle(name)
            if passed >= need:
                break
        result.append(value)
    return result


def longest_zero_run(flags: bytes | bytearray) -> tuple[int, int]:
    """Find the longest run of zero bytes: (index of its first, length); (0, 0) where none."""
    best_start = best = 0
    start = flags.find(0)
    while start >= 0:
        end = start
        while end < len(flags) and flags[end] == 0:
            end += 1
        if end - start > best:
            best_start, best = start, end - start
        start = flags.find(0, end)
    return best_start, best
