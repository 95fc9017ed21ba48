"""Link rates and traffic classes by HTB with short queues, link delays by netem where there is one.

A port has two classes (DiffServ, RFC 2475). Packets marked for expedited forwarding (RFC 3246) are
*guaranteed*: they go first, whatever else waits. All others are *best effort* and may use all that
the guaranteed ones leave. Who may mark packets is the controller's business.

Queues have to be short: all ports of a userspace Open vSwitch send through one packet socket, and a
long backlog at one port fills its buffer and starves every other port, and every other class.

A full queue drops its oldest packet, not the one that comes. A packet socket is told of a packet
that is refused (ENOBUFS), and Open vSwitch then throws away the rest of the batch it is sending:
guaranteed packets that came in together with best-effort ones were lost with them, a third of a
slice's. Of an old packet dropped (NET_XMIT_CN) a socket hears nothing.
"""

from __future__ import annotations

import math
import subprocess

DEFAULT_QUEUE = 50
"""Best-effort packets that wait at a port before the next is dropped."""
GUARANTEED_QUEUE = 30
"""Guaranteed packets that wait; meters keep them below what the port sends, so few ever do."""
MARK = 46 << 2
"""TOS byte of guaranteed packets; its two lowest bits (RFC 3168) say nothing."""
LEAST_SHARE = 1e-3
"""Of the port's rate, for best effort while guaranteed packets fill it: HTB wants some rate."""


def htb_commands(
    interface: str, rate: float, queue: int = DEFAULT_QUEUE, delay_s: float = 0.0
) -> list[str]:
    """``tc`` command lines (without ``tc``) that limit and class what leaves an interface.

    Parameters
    ----------
    interface : str
    rate : float
        Bit/s of frames without checksum, Ethernet header included.
    queue : int
        Packets of best effort.
    delay_s : float
        Seconds; 0 sets no netem. A netem leaf holds the packets in flight besides the queue.
    """
    burst = max(3200, int(rate * 2e-3 / 8))
    limits = f"ceil {int(rate)}bit burst {burst} cburst {burst} quantum 1514"
    least = max(8000, int(rate * LEAST_SHARE))
    lines = [
        f"qdisc replace dev {interface} root handle 5: htb default 2",
        f"class replace dev {interface} parent 5: classid 5:f htb rate {int(rate)}bit {limits}",
    ]
    for number, (share, length) in enumerate(
        ((max(8000, int(rate) - least), GUARANTEED_QUEUE), (least, queue)), 1
    ):
        lines.append(
            f"class replace dev {interface} parent 5:f classid 5:{number} "
            f"htb prio {number - 1} rate {share}bit {limits}"
        )
        leaf = f"pfifo_head_drop limit {length}"
        if delay_s > 0:
            in_flight = math.ceil(rate * delay_s / 8 / 500)
            leaf = f"netem delay {delay_s * 1e3:.3f}ms limit {length + in_flight}"
        lines.append(f"qdisc replace dev {interface} parent 5:{number} handle {number}0: {leaf}")
    return lines + _filters(interface)


def _filters(interface: str) -> list[str]:
    """Marked packets are guaranteed, with the VLAN tag of a bypass on them or without, and LLDP is:
    a link must not count as gone because it is full.

    Where u32 counts from in a tagged packet depends on the kernel: its IP header since Linux 6.11,
    its tag before. Each filter looks first for what stands there: the first byte of an IPv4 header
    (which as a tag would have priority 2), or the Ethernet type of IPv4 (as the length of a packet,
    2,048 bytes, which no port takes).
    """
    add = f"filter add dev {interface} parent 5:"
    mark = f"{MARK:#x} 0xfc"
    tagged = f"{add} protocol 802.1Q prio 2 u32"
    return [
        f"{add} protocol 0x88cc prio 3 u32 match u32 0 0 flowid 5:1",
        f"{add} protocol ip prio 1 u32 match ip tos {mark} flowid 5:1",
        f"{tagged} match u8 0x45 0xff at 0 match u8 {mark} at 1 flowid 5:1",
        f"{tagged} match u16 0x0800 0xffff at 2 match u8 {mark} at 5 flowid 5:1",
    ]


def apply(lines: list[str]) -> None:
    """Run ``tc`` commands in one process.

    Raises
    ------
    RuntimeError
        A command failed; the text is tc's own.
    """
    run_batch(["tc", "-batch", "-"], lines)


def run_batch(argv: list[str], lines: list[str]) -> None:
    """Feed lines to a program that takes its commands from standard input."""
    if not lines:
        return
    done = subprocess.run(
        argv, input="\n".join(lines) + "\n", capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: {(done.stderr or done.stdout).strip()}")


def has_netem(interface: str) -> bool:
    """Whether the kernel has netem; tries it on an interface of ours and takes it off again."""
    add = ["tc", "qdisc", "add", "dev", interface, "root", "netem", "delay", "1ms"]
    if subprocess.run(add, capture_output=True, check=False).returncode:
        return False
    subprocess.run(["tc", "qdisc", "del", "dev", interface, "root"], check=False)
    return True
