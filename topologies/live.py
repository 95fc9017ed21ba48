"""A topology as a live network of userspace Open vSwitch switches.

::

    sudo /usr/bin/python3 -m topologies.live --topology abilene --controller 127.0.0.1:6653

Builds the network, says ``{"event": "ready", ...}`` on standard output and obeys JSON lines on
standard input (:mod:`topologies.commands`) until it closes, ``quit`` comes, or a signal; then
removes all it made. Log text goes to standard error. Needs root and nothing but Mininet.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import signal
import sys
import time

from topologies import NAMES, load, scaled
from topologies.addressing import Plan, plan
from topologies.leftovers import Claim, release_setting
from topologies.shaping import DEFAULT_QUEUE

log = logging.getLogger("topologies.live")


def main(arguments: list[str] | None = None) -> int:
    """Run; returns the exit status."""
    options = parser().parse_args(arguments)
    options.controller = options.controller or ["127.0.0.1:6653"]
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s: %(message)s"
    )
    # Set before anything is made: a signal at any moment must end in the removal below.
    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(name, _leave)
    try:
        topology = load(options.topology)
        live = scaled(topology, options.largest * 1e6) if options.largest > 0 else topology
        planned = plan(live, options.hosts, options.prefix)
        if os.geteuid() != 0:
            raise PermissionError("root is needed to build a network")
        factor = live.edges[0].capacity / topology.edges[0].capacity if live.edges else 1.0
        run(planned, factor, options)
    except (ValueError, RuntimeError, OSError) as error:
        log.error("%s", error)
        return 1
    return 0


def run(planned: Plan, factor: float, options: argparse.Namespace) -> None:
    """Build the network, serve it, remove it."""
    claim = Claim(options.prefix)
    agents = commander = None
    try:
        old = claim.clean_old()
        if old is not None:
            log.info("removed what run %d left: %d switches", old.pid, len(old.bridges))
        # Here, because only this needs Mininet: bad options are told without it.
        from topologies.agents import Agents
        from topologies.commands import Commander
        from topologies.network import Network, Options

        begin = time.monotonic()
        controllers = tuple(target(word) for word in options.controller if word != "none")
        network = Network(planned, Options(controllers, options.queue, options.static_arp), claim)
        names = {host.number: planned.host(host) for host in planned.hosts}
        agents = Agents(network.pids, names, options.seed)
        for process in agents.processes.values():
            claim.add_process(process.pid)
        claim.save()
        commander = Commander(network, agents, factor, sys.stdout)
        seconds = round(time.monotonic() - begin, 2)
        log.info("%s: %d switches, %d hosts, %d links in %.1f s", planned.topology.name,
                 len(planned.topology.nodes), len(planned.hosts), len(planned.cables),
                 seconds)  # fmt: skip
        ready = {"event": "ready", "seconds": seconds, **commander.topology()}
        print(json.dumps(ready), flush=True)
        if options.cli:
            from mininet.cli import CLI

            CLI(network.net)
        else:
            for line in sys.stdin:
                if line.strip() and not commander.obey(line):
                    break
    finally:
        # A second signal must not stop the removal half-way.
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(name, signal.SIG_IGN)
        if commander is not None:
            commander.close()
        if agents is not None:
            with contextlib.suppress(Exception):
                agents.close()
        release_setting()
        claim.end()


def target(word: str) -> str:
    """OpenFlow target of ``host:port`` or of Open vSwitch's own notation (``tcp:host:port``)."""
    if word.partition(":")[0] in ("tcp", "ssl", "unix", "ptcp", "pssl", "punix"):
        return word
    host, _, port = word.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"--controller {word}: expected address:port, or none")
    return f"tcp:{host}:{port}"


def parser() -> argparse.ArgumentParser:
    """Command line of the script."""
    result = argparse.ArgumentParser(
        prog="topologies.live", description="Build a topology as a live Open vSwitch network."
    )
    names = ", ".join(NAMES)
    for option, default, kind, shown, text in (
        ("--topology", "abilene", str, "NAME", f"{names} or a file"),
        ("--hosts", 1, int, "N", "hosts per switch"),
        ("--largest", 10.0, float, "MBIT", "scale the largest link to this; 0 leaves them"),
        ("--queue", DEFAULT_QUEUE, int, "PACKETS", "queue of each link port"),
        ("--prefix", "", str, "NAME", "put before all names, so that two networks can exist"),
        ("--seed", 0, int, "N", "of the senders' phases"),
    ):
        result.add_argument(
            option, default=default, type=kind, metavar=shown, help=f"{text} (default {default!r})"
        )
    result.add_argument(
        "--controller",
        action="append",
        metavar="ADDRESS:PORT",
        help="OpenFlow controller, may be repeated; none for none (default 127.0.0.1:6653)",
    )
    result.add_argument(
        "--static-arp", action="store_true", help="give every host the others' addresses"
    )
    result.add_argument(
        "--cli", action="store_true", help="Mininet's prompt in place of JSON lines"
    )
    return result


def _leave(number: int, _frame: object) -> None:
    """Turn a signal into the ordinary way out."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
