"""Replies read entry by entry say the same as Ryu's own reading of the whole."""

from __future__ import annotations

import struct

import pytest

from qb_controller.southbound.openflow import requests  # noqa: F401  (sets late reading up)

from ryu.ofproto import ofproto_v1_3 as ofp  # isort: skip
from ryu.ofproto import ofproto_v1_3_parser as parser  # isort: skip


def reply(kind: int, *entries: bytes) -> bytes:
    body = struct.pack("!HHxxxx", kind, 0) + b"".join(entries)
    return struct.pack("!BBHI", 4, ofp.OFPT_MULTIPART_REPLY, 8 + len(body), 7) + body


def group(number: int, *buckets: tuple[int, int]) -> bytes:
    counters = b"".join(struct.pack("!QQ", *bucket) for bucket in buckets)
    head = struct.pack("!HxxIIxxxxQQII", 40 + len(counters), number, 1, 5, 1 << 40, 3, 500_000_000)
    return head + counters


def read(data: bytes) -> list:
    message = parser.OFPMultipartReply.parser(None, 4, ofp.OFPT_MULTIPART_REPLY, len(data), 7, data)
    return message.body


def test_group_stats_by_entry() -> None:
    first, second = read(reply(ofp.OFPMP_GROUP, group(9, (1, 2), (3, 4)), group(10)))
    assert first.group_counters() == (9, 1 << 40, 3.5)
    assert [(b.packet_count, b.byte_count) for b in first.bucket_stats] == [(1, 2), (3, 4)]
    assert (second.group_id, second.byte_count, second.duration_sec) == (10, 1 << 40, 3)
    assert second.bucket_stats == []
    with pytest.raises(AttributeError):
        _ = first.nothing


def test_an_entry_without_length_ends_the_reading() -> None:
    with pytest.raises(ValueError, match="length 0"):
        read(reply(ofp.OFPMP_GROUP, b"\0" * 40))
