"""The frames that measure latency: what stands in them, and how they are told from all others.

A probe is an IPv4 packet with the mark of slices, so that every port puts it into the class of
slices, to an address that no host has. It carries a number and a secret of this run of the
controller: what a host makes up is none.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

from qb_controller.model.slices import OWN_DSCP
from qb_controller.southbound.layout import ETH_IPV4, PROBE_IP

PROBE_MAC = "0e:ff:ff:ff:ff:fd"
"""Sender of all probes: locally administered, and never a label."""

SECRET_BYTES = 8
EXPERIMENT = 253
"""IP protocol for experiments (RFC 3692)."""
HOPS = 64

_ETHERNET = struct.Struct("!6s6sH")
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_BODY = struct.Struct(f"!{SECRET_BYTES}sQ")
_ADDRESS = IPv4Address(PROBE_IP).packed
_SENDER = bytes.fromhex(PROBE_MAC.replace(":", ""))
_BODY_AT = _ETHERNET.size + _IPV4.size
LENGTH = 64
"""Bytes of a frame without checksum: above the least of Ethernet with a VLAN tag on it."""


def frame(secret: bytes, number: int) -> bytes:
    """A probe without a label: the group that it is sent into puts that on.

    Parameters
    ----------
    secret : bytes
        :data:`SECRET_BYTES` of them.
    number : int
        Below 2**64.
    """
    ethernet = _ETHERNET.pack(_SENDER, _SENDER, ETH_IPV4)
    length = LENGTH - _ETHERNET.size
    words = (0x45, OWN_DSCP << 2, length, 0, 0, HOPS, EXPERIMENT)
    total = _checksum(_IPV4.pack(*words, 0, _ADDRESS, _ADDRESS))
    head = _IPV4.pack(*words, total, _ADDRESS, _ADDRESS)
    return (ethernet + head + _BODY.pack(secret, number)).ljust(LENGTH, b"\0")


def number_of(data: bytes, secret: bytes) -> int | None:
    """The number of a probe that this run of the controller sent; None for any other frame."""
    if not is_probe(data) or len(data) < _BODY_AT + _BODY.size:
        return None
    found, number = _BODY.unpack_from(data, _BODY_AT)
    return int(number) if found == secret else None


def is_probe(data: bytes) -> bool:
    """Whether a frame goes to the address of probes, whoever sent it."""
    start = _ETHERNET.size + 16
    return data[12:14] == b"\x08\x00" and data[start : start + 4] == _ADDRESS


def _checksum(head: bytes) -> int:
    """Of an IPv4 header whose own field is zero (RFC 1071)."""
    total = sum(struct.unpack(f"!{len(head) // 2}H", head))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
