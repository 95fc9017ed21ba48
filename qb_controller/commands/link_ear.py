"""Listens to what arrives over one link of a live network, and counts frames by whose they are."""

from __future__ import annotations

import socket
import struct
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from qb_controller.southbound import probe_frames
from topologies.udp import HEADER, MAGIC, OVERHEAD

ETH_P_ALL = 0x0003
ETH_IPV4, ETH_VLAN, ETH_LLDP = 0x0800, 0x8100, 0x88CC
OUTGOING = 4
"""PACKET_OUTGOING of <linux/if_packet.h>: a frame that leaves by the interface."""
BUFFER = 8 << 20
KINDS = ("own", "lldp", "probe", "others")


class LinkEar:
    """Counts while it is entered (``with``).

    Parameters
    ----------
    interface : str
        The receiving end of the link.
    key : int
        Demand whose packets are ``own`` (:class:`topologies.udp.Stream`).
    """

    def __init__(self, interface: str, key: int) -> None:
        self._interface = interface
        self._key = key
        self._kinds: Counter[str] = Counter()
        self._statistics = Path(f"/sys/class/net/{interface}/statistics/rx_packets")

    @property
    def counts(self) -> dict[str, Any]:
        """Frames that were the demand's ``own``, LLDP of the controller, its probes of latency, or
        of ``others``; and what the interface's own counter says arrived, which is their sum but for
        a frame or two at the begin and the end.
        """
        return {
            **{f"{kind}_packets": self._kinds[kind] for kind in KINDS},
            "counted_by_port_packets": self._counted,
        }

    def __enter__(self) -> LinkEar:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self._socket.settimeout(0.1)
        self._socket.bind((self._interface, ETH_P_ALL))
        self._counted = -int(self._statistics.read_text())
        self._listening = True
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._counted += int(self._statistics.read_text())
        self._listening = False
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while self._listening:
            try:
                frame, address = self._socket.recvfrom(OVERHEAD + 4 + HEADER.size)
            except TimeoutError:
                continue
            if address[2] != OUTGOING:
                self._kinds[self._kind(frame)] += 1

    def _kind(self, frame: bytes) -> str:
        (kind,) = struct.unpack_from("!H", frame, 12)
        at = OVERHEAD
        if kind == ETH_VLAN:
            (kind,) = struct.unpack_from("!H", frame, 16)
            at += 4
        if kind == ETH_LLDP:
            return "lldp"
        if kind == ETH_IPV4 and probe_frames.is_probe(frame[:12] + frame[at - OVERHEAD + 12 :]):
            return "probe"
        if kind == ETH_IPV4 and len(frame) >= at + HEADER.size:
            magic, key, *_ = HEADER.unpack_from(frame, at)
            if (magic, key) == (MAGIC, self._key):
                return "own"
        return "others"
