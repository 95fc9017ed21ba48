"""``qb bench``: the measurements, one subcommand per subject."""

from __future__ import annotations

import argparse

from qb_controller.commands.subjects import add_subjects, run_subject

SUBJECTS = {
    "live": ("bench_live", "a real network: utilisation, re-routes, cuts, reaction, stall, scale"),
    "decide": ("bench_decide", "what a decision costs, features included"),
    "runtime": ("bench_runtime", "tasks by deadline under load, and with workers killed"),
    "policy": ("bench_policy", "the policy against single backends, rules and learners"),
    "falsify": ("bench_falsify", "the policy against one family of backends alone"),
    "crossover": ("bench_crossover", "what a modelled QPU must offer before it pays"),
    "te": ("bench_te", "traffic engineering: every backend, instance and deadline"),
    "flow": ("bench_flow", "maximum total flow beside published figures"),
    "qaoa": ("bench_qaoa", "QAOA of 8 to 20 qubits beside guessing, annealing and another's QAOA"),
    "wireless": ("bench_wireless", "channels: every backend, size and deadline"),
    "slices": ("bench_slices", "admission of slices: every backend and size, and over time"),
    "jobs-live": ("bench_jobs_live", "quantum jobs really run, with QPU workers killed"),
    "jobs": ("bench_jobs", "quantum jobs before deadlines: every scheduler on a grid"),
    "formulate": ("bench_formulate", "time and memory to formulate, by size"),
}


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    add_subjects(parser, SUBJECTS, "SUBJECT")


def run(name: str, args: argparse.Namespace) -> int:
    return run_subject(SUBJECTS, args)
