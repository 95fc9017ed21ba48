"""ARP by the controller: learning from it, answering it, and asking for hosts nobody has seen.

No ARP frame is ever flooded through the network, so no topology can loop one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ryu.lib.packet import arp, ethernet, packet
from ryu.lib.packet import ether_types as types

BROADCAST = "ff:ff:ff:ff:ff:ff"
ASKER_MAC = "0e:ff:ff:ff:ff:fe"
"""Source of the controller's own ARP questions: locally administered, and never a label."""


class Arp(NamedTuple):
    """What matters of an ARP packet."""

    request: bool
    src_mac: str
    src_ip: str
    dst_ip: str


def parse(data: bytes) -> Arp | None:
    """Read a frame; None where it is no well-formed ARP packet for IPv4."""
    found = packet.Packet(data).get_protocol(arp.arp)
    if found is None or found.opcode not in (arp.ARP_REQUEST, arp.ARP_REPLY):
        return None
    return Arp(found.opcode == arp.ARP_REQUEST, found.src_mac.lower(), found.src_ip, found.dst_ip)


def reply(question: Arp, mac: str) -> bytes:
    """The answer to a question: the asked address is at ``mac``."""
    return _frame(
        arp.arp(
            opcode=arp.ARP_REPLY,
            src_mac=mac,
            src_ip=question.dst_ip,
            dst_mac=question.src_mac,
            dst_ip=question.src_ip,
        ),
        question.src_mac,
    )


def probe(ip: str) -> bytes:
    """A question to the host that has ``ip``, with no sender address (an RFC 5227 probe)."""
    asked = arp.arp(opcode=arp.ARP_REQUEST, src_mac=ASKER_MAC, src_ip="0.0.0.0", dst_ip=ip)
    return _frame(asked, BROADCAST)


def _frame(body: Any, dst: str) -> bytes:
    frame = packet.Packet()
    frame.add_protocol(ethernet.ethernet(dst=dst, src=body.src_mac, ethertype=types.ETH_TYPE_ARP))
    frame.add_protocol(body)
    frame.serialize()
    return bytes(frame.data)


def send(dp: Any, ports: list[int], data: bytes) -> None:
    """Send a frame out of the given ports of a switch."""
    ofp, parser = dp.ofproto, dp.ofproto_parser
    dp.send_msg(
        parser.OFPPacketOut(
            datapath=dp,
            buffer_id=ofp.OFP_NO_BUFFER,
            in_port=ofp.OFPP_CONTROLLER,
            actions=[parser.OFPActionOutput(port) for port in ports],
            data=data,
        )
    )
