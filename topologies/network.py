"""Building a live network fast: Mininet for the nodes, batches for everything else."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from mininet.net import Mininet
from mininet.node import Host, OVSSwitch

from topologies import leftovers, ovs_sockets, shaping
from topologies.addressing import HostPlan, Plan
from topologies.mininet_parts import BackboneTopo, QuietLink, host_commands

# The name live.py made before Mininet changed the class of loggers made later.
log = logging.getLogger("topologies.live")
# Mininet writes its own lines itself.
logging.getLogger("mininet").propagate = False

COUNTERS_MS = 100
"""Flow and group counters of a userspace switch are this old at most (default: 500)."""
MAX_BACKOFF_MS = 1000
INACTIVITY_PROBE_MS = 10_000


@dataclass(frozen=True)
class Options:
    """How to build.

    Attributes
    ----------
    controllers : sequence of str
        OpenFlow targets such as ``tcp:127.0.0.1:6653``; empty for none.
    queue : int
        Packets that wait at a link's port.
    static_arp : bool
        Give every host the others' addresses, for networks where nobody answers ARP.
    """

    controllers: Sequence[str] = ("tcp:127.0.0.1:6653",)
    queue: int = shaping.DEFAULT_QUEUE
    static_arp: bool = False


class Network:
    """A network that is up.

    Attributes
    ----------
    plan : Plan
    pids : dict from host number to the process id that holds its namespace
    delays : bool
        Whether link delays are set.
    """

    def __init__(self, plan: Plan, options: Options, claim: leftovers.Claim) -> None:
        self.plan = plan
        self.options = options
        self.claim = claim
        self.delays = False
        self.net: Mininet | None = None
        self.pids: dict[int, int] = {}
        self._reserve()
        self._nodes()
        self._wires()
        self._switches()
        self._shape()
        self._hosts()
        self._room()
        leftovers.hold_setting(COUNTERS_MS)

    def _reserve(self) -> None:
        """Write down all names before anything exists."""
        plan, state = self.plan, self.claim.state
        state.bridges = [plan.switch(i) for i in range(len(plan.topology.nodes))]
        ports = [(host.node, host.port) for host in plan.hosts]
        for planned in plan.cables:
            ports += [(planned.cable.a, planned.port_a), (planned.cable.b, planned.port_b)]
        interfaces = [plan.interface(node, port) for node, port in ports]
        clash = leftovers.taken(state.bridges, interfaces)
        if clash:
            state.bridges = []
            raise RuntimeError(
                f"{', '.join(clash[:5])}{' ...' if len(clash) > 5 else ''}: exists already and is "
                "not this project's; choose another --prefix"
            )
        state.interfaces = interfaces
        self.claim.save()

    def _nodes(self) -> None:
        topo = BackboneTopo(self.plan, quiet=True)
        self.net = Mininet(
            topo=topo, switch=_switch, link=QuietLink, controller=None, build=False,
            waitConnected=False,
        )  # fmt: skip
        # Only the nodes: hosts get their addresses with their wires.
        self.net.buildFromTopo(topo)
        self.net.built = True
        for node in (*self.net.switches, *self.net.hosts):
            self.claim.add_process(node.pid)
        self.claim.save()
        self.pids = {host.number: self.node(host).pid for host in self.plan.hosts}

    def node(self, host: HostPlan) -> Host:
        """Mininet's object of a host."""
        assert self.net is not None
        return self.net[self.plan.host(host)]

    def host_interface(self, host: HostPlan) -> str:
        """Name of a host's interface in its own namespace."""
        return f"{self.plan.host(host)}-eth0"

    def _wires(self) -> None:
        plan, lines, ends = self.plan, [], []
        for host in plan.hosts:
            end = plan.interface(host.node, host.port)
            lines.append(
                f"link add name {end} type veth peer name {self.host_interface(host)} "
                f"address {host.mac} netns {self.pids[host.number]}"
            )
            ends.append(end)
        for planned in plan.cables:
            a = plan.interface(planned.cable.a, planned.port_a)
            b = plan.interface(planned.cable.b, planned.port_b)
            lines.append(f"link add name {a} type veth peer name {b}")
            ends += [a, b]
        shaping.run_batch(["ip", "-batch", "-"], lines)
        for end in ends:
            # The kernel's own stack must keep silent on the wires of the switches.
            _write(f"/proc/sys/net/ipv6/conf/{end}/disable_ipv6", "1")
            _write(f"/proc/sys/net/ipv4/conf/{end}/arp_ignore", "8")
        shaping.run_batch(["ip", "-batch", "-"], [f"link set dev {end} up" for end in ends])

    def _switches(self) -> None:
        assert self.net is not None
        for switch in self.net.switches:
            switch.start([])
        OVSSwitch.batchStartup(self.net.switches)
        if not self.options.controllers:
            return
        argv = ["ovs-vsctl", "--timeout=60"]
        for switch in self.net.switches:
            idents = []
            for i, target in enumerate(self.options.controllers):
                ident = f"@{switch.name}c{i}"
                idents.append(ident)
                argv += [
                    "--", f"--id={ident}", "create", "Controller", f'target="{target}"',
                    f"max_backoff={MAX_BACKOFF_MS}", f"inactivity_probe={INACTIVITY_PROBE_MS}",
                    "connection_mode=out-of-band",
                ]  # fmt: skip
            argv += ["--", "set", "Bridge", switch.name, f"controller={','.join(idents)}"]
        run(argv)

    def _shape(self) -> None:
        """Limit every link; after the switches are up, for they take qdiscs off their ports."""
        plan = self.plan
        if plan.cables and any(planned.cable.delay_s for planned in plan.cables):
            first = plan.cables[0]
            self.delays = shaping.has_netem(plan.interface(first.cable.a, first.port_a))
            if not self.delays:
                log.warning("link delays are not set: this kernel has no netem (sch_netem)")
        lines = []
        for planned in plan.cables:
            cable = planned.cable
            delay = cable.delay_s if self.delays else 0.0
            for node, port, rate in (
                (cable.a, planned.port_a, cable.ab), (cable.b, planned.port_b, cable.ba)
            ):  # fmt: skip
                interface = plan.interface(node, port)
                lines += shaping.htb_commands(interface, rate, self.options.queue, delay)
        shaping.apply(lines)

    def _hosts(self) -> None:
        """Address and configure all hosts at the same time."""
        nodes = []
        for host in self.plan.hosts:
            interface = self.host_interface(host)
            lines = [
                "ip link set lo up",
                f"ip addr add {host.ip}/8 broadcast + dev {interface}",
                *host_commands(interface),
                f"ip link set {interface} up",
            ]
            if self.options.static_arp:
                others = (other for other in self.plan.hosts if other is not host)
                lines.append("ip -batch - <<'END'")
                lines += [
                    f"neigh replace {o.ip} lladdr {o.mac} dev {interface} nud permanent"
                    for o in others
                ]
                lines.append("END")
            node = self.node(host)
            script = "\n".join(lines) + "\n"
            process = subprocess.Popen(
                ["mnexec", "-a", str(node.pid), "sh", "-c", script],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
            nodes.append((host, process))
        for host, process in nodes:
            out, _ = process.communicate(timeout=60)
            if process.returncode:
                text = out.decode(errors="replace").strip()
                raise RuntimeError(f"configuring {self.plan.host(host)}: {text}")

    def _room(self) -> None:
        """Let no congested link starve the others in the switch's own buffers."""
        if not self.plan.hosts:
            return
        first = self.plan.hosts[0]
        try:
            ovs_sockets.make_room(self.plan.switch(first.node), first.port)
        except (OSError, RuntimeError) as error:
            log.warning(
                "congested links may starve others: Open vSwitch's socket buffers stay small "
                "(%s); set net.core.wmem_default to 16777216 and restart Open vSwitch", error,
            )  # fmt: skip

    def set_link(self, a: int, b: int, up: bool) -> None:
        """Cut the link between two nodes, or put it back, at both ends.

        Raises
        ------
        ValueError
            There is no such link.
        """
        for planned in self.plan.cables:
            if {planned.cable.a, planned.cable.b} == {a, b}:
                break
        else:
            raise ValueError(f"no link joins {self.plan.switch(a)} and {self.plan.switch(b)}")
        ends = (
            self.plan.interface(planned.cable.a, planned.port_a),
            self.plan.interface(planned.cable.b, planned.port_b),
        )
        state = "up" if up else "down"
        shaping.run_batch(["ip", "-batch", "-"], [f"link set dev {end} {state}" for end in ends])

    def stop(self) -> None:
        """Remove all of it."""
        leftovers.release_setting()
        self.claim.end()


def _switch(name: str, **params: object) -> OVSSwitch:
    return OVSSwitch(name, datapath="user", protocols="OpenFlow13", batch=True, **params)


def run(argv: list[str]) -> str:
    """Run a program; ``RuntimeError`` with its own words where it fails."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        shown = " ".join(argv)
        raise RuntimeError(f"{shown[:200]}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def _write(path: str, text: str) -> None:
    """Set a kernel variable where the kernel has it."""
    if os.path.exists(path):
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
