"""``qb jobs``: quantum circuits run before a deadline, live or in simulation."""

from __future__ import annotations

import argparse
import importlib
from types import ModuleType

KINDS = {
    "submit": ("jobs_live", "run a circuit before a deadline"),
    "list": ("jobs_live", "jobs, newest first"),
    "show": ("jobs_live", "a job: its value with error bar, where each fragment ran"),
    "cancel": ("jobs_live", "end a job"),
    "simulate": ("jobs_simulate", "a simulated cloud under one or several schedulers"),
}
"""Name: (module in :mod:`qb_controller.commands`, summary). A module has ``add_arguments(name,
parser)`` and ``run(name, args) -> exit code``."""


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="kind", metavar="WHAT", required=True)
    for kind, (module, summary) in KINDS.items():
        one = kinds.add_parser(kind, help=summary, description=f"{kind}: {summary}.")
        _module(module).add_arguments(kind, one)


def run(name: str, args: argparse.Namespace) -> int:
    return int(_module(KINDS[args.kind][0]).run(args.kind, args))


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"qb_controller.commands.{name}")
