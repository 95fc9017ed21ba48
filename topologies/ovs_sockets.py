"""Room in the packet sockets of Open vSwitch's userspace datapath.

All ports of all userspace bridges of a machine send through one packet socket, whose default
buffer holds about 90 frames of any size. Two congested links fill it, and then Open vSwitch drops
what it should send on every other port as well: loss that no real network has. The same default
limits what waits at each receiving port while the switch is busy. Both are raised here, on the
sockets of the running switch, without a restart (``pidfd_getfd``, Linux 5.6 and newer).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import subprocess

VSWITCHD_PID = "/var/run/openvswitch/ovs-vswitchd.pid"
SEND_BYTES = 16 << 20
RECEIVE_BYTES = 1 << 20
SO_SNDBUFFORCE, SO_RCVBUFFORCE, SO_DOMAIN = 32, 33, 39
AF_PACKET = 17
PIDFD_GETFD = 438
"""System call number, the same on all architectures."""


def make_room(bridge: str, port: int) -> None:
    """Enlarge the sending socket of Open vSwitch and the receiving ones of all its ports.

    Parameters
    ----------
    bridge, port : str, int
        A port of ours to send one frame from: the sending socket is made at the first.

    Raises
    ------
    OSError
        The kernel does not let us at the switch's sockets.
    RuntimeError
        The sending socket is not there.
    """
    _send_one(bridge, port)
    with open(VSWITCHD_PID, encoding="ascii") as file:
        pid = int(file.read())
    senders = 0
    pidfd = os.pidfd_open(pid)
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                if os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
                    senders += _enlarge(pidfd, int(name))
    finally:
        os.close(pidfd)
    if not senders:
        raise RuntimeError("Open vSwitch has no packet socket for sending")


def _enlarge(pidfd: int, fd: int) -> bool:
    """Enlarge one socket of the switch; whether it is the one that sends."""
    libc = ctypes.CDLL(None, use_errno=True)
    copy = libc.syscall(PIDFD_GETFD, pidfd, fd, 0)
    if copy < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"pidfd_getfd: {os.strerror(number)}")
    with socket.socket(fileno=copy) as sock:
        if sock.getsockopt(socket.SOL_SOCKET, SO_DOMAIN) != AF_PACKET:
            return False
        if sock.getsockname()[0]:
            # Bound to a port: it receives. The kernel doubles what it is asked for.
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BYTES)
            return False
        sock.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, SEND_BYTES)
        return True


def _send_one(bridge: str, port: int) -> None:
    """Let the switch send a frame of an experimental Ethernet type that nobody answers."""
    frame = "ffffffffffff" + "0a0000000000" + "88b5" + "00" * 46
    subprocess.run(
        ["ovs-ofctl", "-O", "OpenFlow13", "packet-out", bridge,
         f"in_port=controller packet={frame} actions=output:{port}"],
        capture_output=True, check=False,
    )  # fmt: skip
