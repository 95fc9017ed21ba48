"""Commands that have commands below them, each in a module that is imported when it is needed."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Mapping
from types import ModuleType

Subjects = Mapping[str, tuple[str, str]]
"""Name: (module in :mod:`qb_controller.commands`, summary). A module has ``add_arguments(name,
parser)`` and ``run(name, args) -> exit code``."""


def add_subjects(parser: argparse.ArgumentParser, subjects: Subjects, metavar: str) -> None:
    """Add a parser for each of them."""
    parsers = parser.add_subparsers(dest="subject", metavar=metavar, required=True)
    for name, (module, summary) in subjects.items():
        one = parsers.add_parser(name, help=summary, description=f"{name}: {summary}.")
        _module(module).add_arguments(name, one)


def run_subject(subjects: Subjects, args: argparse.Namespace) -> int:
    """Run the one that was named; its exit code."""
    return int(_module(subjects[args.subject][0]).run(args.subject, args))


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"qb_controller.commands.{name}")
