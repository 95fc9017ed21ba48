"""Link rates by HTB with a short queue, link delays by netem where the kernel has it.

The queue has to be short: all ports of a userspace Open vSwitch send through one packet socket,
and a long backlog at one port fills its buffer and starves every other port.
"""

from __future__ import annotations

import math
import subprocess

DEFAULT_QUEUE = 50
"""Packets that wait at a port before the next is dropped."""


def htb_commands(
    interface: str, rate: float, queue: int = DEFAULT_QUEUE, delay_s: float = 0.0
) -> list[str]:
    """``tc`` command lines (without ``tc``) that limit what leaves an interface.

    Parameters
    ----------
    interface : str
    rate : float
        Bit/s of frames without checksum, Ethernet header included.
    queue : int
        Packets.
    delay_s : float
        Seconds; 0 sets no netem. A netem leaf holds the packets in flight besides the queue.
    """
    burst = max(3200, int(rate * 2e-3 / 8))
    lines = [
        f"qdisc replace dev {interface} root handle 5: htb default 1",
        f"class replace dev {interface} parent 5: classid 5:1 htb rate {int(rate)}bit "
        f"ceil {int(rate)}bit burst {burst} cburst {burst} quantum 1514",
    ]
    if delay_s > 0:
        in_flight = math.ceil(rate * delay_s / 8 / 500)
        leaf = f"netem delay {delay_s * 1e3:.3f}ms limit {queue + in_flight}"
    else:
        leaf = f"pfifo limit {queue}"
    lines.append(f"qdisc replace dev {interface} parent 5:1 handle 10: {leaf}")
    return lines


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
