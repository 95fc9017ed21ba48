"""``qb jobs``: quantum circuits run before a deadline, live or in simulation."""

from __future__ import annotations

import argparse

from qb_controller.commands.subjects import add_subjects, run_subject

KINDS = {
    "submit": ("jobs_live", "run a circuit before a deadline"),
    "list": ("jobs_live", "jobs, newest first"),
    "show": ("jobs_live", "a job: its value with error bar, where each fragment ran"),
    "cancel": ("jobs_live", "end a job"),
    "simulate": ("jobs_simulate", "a simulated cloud under one or several schedulers"),
}


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    add_subjects(parser, KINDS, "WHAT")


def run(name: str, args: argparse.Namespace) -> int:
    return run_subject(KINDS, args)
