"""Multipart replies of Ryu, read one entry at a time.

Ryu parses a whole reply in the greenlet that received it. The flow entries of one switch take it
20 ms and more, in which nothing else runs. Here a reply is only cut into its entries; an entry is
parsed by Ryu when something of it is asked for. Other applications notice no difference.
"""

from __future__ import annotations

from struct import Struct
from typing import Any

from ryu.ofproto import ofproto_v1_3_parser as parser

_LENGTH = Struct("!H")
_GROUP_COUNTERS = Struct("!H2xII4xQQII")
"""Head of ofp_group_stats (OpenFlow 1.3.5, section 7.3.5.9): length, group, references, packets,
bytes, and the group's age in seconds and nanoseconds."""


class Entry:
    """One entry of a reply; has the attributes of Ryu's object for it."""

    __slots__ = ("_buffer", "_offset", "_whole", "length")
    whole_class: Any

    def __init__(self, buffer: bytes, offset: int) -> None:
        self._buffer, self._offset = buffer, offset
        self._whole: Any = None
        (self.length,) = _LENGTH.unpack_from(buffer, offset)

    def __getattr__(self, name: str) -> Any:
        if self._whole is None:
            self._whole = self.whole_class.parser(self._buffer, self._offset)
        return getattr(self._whole, name)

    @classmethod
    def parser(cls, buffer: bytes, offset: int) -> Entry:
        """What Ryu calls for each entry of a reply.

        Raises
        ------
        ValueError
            The entry has no length, so that the next one cannot be found.
        """
        entry = cls(buffer, offset)
        if entry.length < _LENGTH.size:
            raise ValueError(f"an entry of a multipart reply has length {entry.length}")
        return entry

    def group_counters(self) -> tuple[int, int, float]:
        """Of an entry of group stats, without parsing it: group, bytes, age in seconds."""
        head = _GROUP_COUNTERS.unpack_from(self._buffer, self._offset)
        return head[1], head[4], head[5] + head[6] / 1e9


def read_entries_late() -> None:
    """Set it up for the replies that are long: flows, groups and their descriptions."""
    for reply in (
        parser.OFPFlowStatsReply,
        parser.OFPGroupStatsReply,
        parser.OFPGroupDescStatsReply,
    ):
        whole = reply.cls_stats_body_cls
        if not issubclass(whole, Entry):
            lazy = type(f"Late{whole.__name__}", (Entry,), {"__slots__": (), "whole_class": whole})
            reply.cls_stats_body_cls = lazy
