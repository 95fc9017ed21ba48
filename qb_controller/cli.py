"""``qb``: ask the controller, and solve without one.

Exit codes: 0 the work was done, 1 a check found a difference (``qb drift``), 2 anything else went
wrong; then one line on standard error says what.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from qb_controller import __version__
from qb_controller.errors import QBError

COMMANDS = {
    "flows": ("live", "every live rule: whose it is, for which pair, how much it carries"),
    "path": ("live", "the path packets take now between two hosts or switches"),
    "drift": ("live", "compare what the switches hold with what was meant"),
    "topology": ("network", "switches, hosts and links"),
    "links": ("network", "load of every link"),
    "status": ("network", "how the controller and its optimiser are"),
    "plan": ("decisions", "which paths carry which pair, and by how much"),
    "decisions": ("decisions", "the latest decisions of the policy"),
    "explain": ("decisions", "why a backend was chosen and what came of it"),
    "devices": ("devices", "what computes behind each backend: status, time, energy, price"),
    "calibrate": ("calibrate", "teach the performance model about this machine (minutes)"),
    "model": ("calibrate", "what the performance model has learnt"),
    "te": ("te", "turn traffic engineering on or off, pin a backend"),
    "traffic": ("traffic", "make a traffic matrix for a topology"),
    "demo": ("demo", "a live network before and after Q-Backbone (needs root)"),
    "solve": ("solve", "route the demands of a file, without a network"),
    "slice": ("slices", "ask for a network slice, show, change or end one"),
    "slices": ("slices", "all network slices, what they are promised and given"),
    "events": ("events", "what happened to slices, and as it happens"),
    "wireless": ("wireless", "channels of access points, from a scenario file"),
    "jobs": ("jobs", "quantum circuits run before a deadline: cut, spread, put together"),
    "bench": ("bench", "measure, on a live network and without"),
}
"""Name: (module in :mod:`qb_controller.commands`, summary). A module has ``add_arguments(name,
parser)`` and ``run(name, args) -> exit code`` and is imported only when its command is used."""


def build_parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """Make the parser with the arguments of the command that ``argv`` begins with."""
    parser = argparse.ArgumentParser(
        prog="qb", description="Q-Backbone: look into the controller, and solve without one."
    )
    parser.add_argument("--version", action="version", version=f"qb {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=f"{name}: {summary}.")
        if argv and argv[0] == name:
            _module(module).add_arguments(name, command)
    return parser


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"qb_controller.commands.{name}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    args = build_parser(argv).parse_args(argv)
    try:
        code = _module(COMMANDS[args.command][0]).run(args.command, args)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (`| head`) has enough; keep the interpreter from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except (QBError, ValueError, OSError) as error:
        text = " ".join(str(error).split())
        print(f"qb {args.command}: {text}", file=sys.stderr)
        return 2
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
