"""``qb demo``: a congested backbone before and after Q-Backbone, on a live network."""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

from qb_controller.commands import demo_report as report
from qb_controller.commands.controller_process import ControllerProcess
from qb_controller.commands.demo_phases import Show
from qb_controller.commands.demo_progress import Progress
from qb_controller.commands.demo_scenario import matrices
from qb_controller.commands.output import Stopwatch, add_json, print_table, write_json
from qb_controller.errors import InputError, QBError

USUAL_S = 120.0
READY_S = 60.0


class DemoError(QBError):
    """The demonstration could not go on."""


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--topology", default="abilene", metavar="NAME|FILE")
    parser.add_argument(
        "--traffic", metavar="FILE", help="matrices of this file instead of gravity ones"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the matrices (default: 1)")
    parser.add_argument(
        "--duration", type=float, default=USUAL_S, metavar="S",
        help="about so long in all; below 60 the phases cannot shrink much (default: 120)",
    )  # fmt: skip
    parser.add_argument("--keep", action="store_true", help="leave it running until Ctrl-C")
    parser.add_argument("--out", default="out", metavar="DIR", help="of the picture and the log")
    parser.add_argument("--prefix", default="", help="put before all names of the network")
    add_json(parser)


def run(name: str, args: argparse.Namespace) -> int:
    from topologies import load, scaled

    if os.geteuid() != 0:
        raise InputError("a live network needs root")
    if not (10 <= args.duration <= 3600 and math.isfinite(args.duration)):
        raise InputError(f"--duration {args.duration:g}: want 10 to 3600 seconds")
    watch = Stopwatch()
    topology = scaled(load(args.topology))
    both = matrices(topology, args.traffic, args.seed)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, _leave)
    with contextlib.ExitStack() as stack:
        show = _start(stack, args, topology, both, out)
        with show.progress:
            show.run()
        code = _finish(show, args, out, watch)
        if args.keep:
            _keep(show.client.url)
    return code


def _start(
    stack: contextlib.ExitStack, args: argparse.Namespace, topology: Any, both: Any, out: Path
) -> Show:
    """Start controller and network; the stack ends both, the network first."""
    from topologies.client import COUNTER_LAG_S, LiveError, LiveNetwork

    progress = Progress()
    options = ["--qb-topology", args.topology, "--noqb-te", "--qb-counter-lag", str(COUNTER_LAG_S)]
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qb-demo-")))
    progress.say(f"starting the controller and {topology.name} as a live network")
    controller = stack.enter_context(ControllerProcess(folder, *options))
    log = stack.enter_context((out / "demo-network.log").open("w"))
    words = ["--topology", args.topology, "--prefix", args.prefix, "--seed", str(args.seed)]
    words += ["--controller", f"127.0.0.1:{controller.openflow_port}"]
    try:
        network = stack.enter_context(LiveNetwork(words, log=log))
    except LiveError as error:
        said = Path(log.name).read_text(errors="replace").splitlines()[-1:]
        raise DemoError(f"{error}: {' '.join(said)} (all in {log.name})") from None
    size = len(topology.nodes), len(topology.edges)
    took = controller.wait_for("the network", lambda: controller.ready(*size), READY_S)
    answer = network.call("pingall", timeout=120)
    progress.say(
        f"{len(topology.nodes)} switches found and given rules {took:.1f} s after they were "
        f"built; {answer['answered']} of {answer['pairs']} pairs answer pings"
    )
    if answer["missing"]:
        raise DemoError(f"no ping between {answer['missing'][0]}")
    return Show(network, controller.url, topology, both, args.duration / USUAL_S, progress)


def _finish(show: Show, args: argparse.Namespace, out: Path, watch: Stopwatch) -> int:
    """Print tables and checks, write picture and JSON; the exit code."""
    phases, checks = show.phases, report.checks(show.phases)
    held = all(check.held for check in checks)
    picture = out / "demo.png"
    report.picture(phases, show.loss, show.sampler.series(), picture)
    result = {
        "phases": [phase.to_json() for phase in phases],
        "backends_used": report.backends_used(phases),
        "held": held,
        "checks": [{"text": check.text, "held": check.held} for check in checks],
        "topology": show.topology.name,
        "matrices": [show.first.name, show.shifted.name],
        "picture": str(picture),
        "meta": watch.meta(args.seed),
    }
    if args.json == "-":
        write_json(result, "-")
        return 0 if held else 1
    print("\nMLU: fullest link by port counters; optimum: the best any routing could do")
    print_table([report.row(phase) for phase in phases], report.COLUMNS)
    print("\nDecisions that asked a solver")
    print_table(report.decision_rows(phases), report.DECISION_COLUMNS)
    for phase in phases:
        if phase.note:
            print(f"{phase.name}: {phase.note}")
        if phase.kind == "cut":
            print(f"{phase.name}: {phase.lost_by_change} packets lost until it was measured")
        if phase.sender_was_bottleneck:
            print(f"{phase.name}: the senders were late, so its figures are in doubt")
    print()
    for check in checks:
        print(f"{'held    ' if check.held else 'NOT HELD'}  {check.text}")
    print(f"\ntimeline: {picture}")
    if args.json is not None:
        write_json(result, args.json)
    if not args.keep:
        print("next: `qb demo --keep`, then `qb flows` and `qb explain last` while it runs")
    return 0 if held else 1


def _keep(url: str) -> None:
    print(f"\nstill running; in another terminal: export QB_URL={url}, then")
    print("  qb flows --owner te    qb path h1 h7    qb explain last    qb drift    qb links")
    print("Ctrl-C ends and removes it.", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)


def _leave(number: int, _frame: object) -> None:
    """Turn a signal into the ordinary way out, so that everything started is removed."""
    raise SystemExit(128 + number)
