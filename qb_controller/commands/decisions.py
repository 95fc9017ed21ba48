"""``qb decisions``, ``qb explain``, ``qb plan``: what was chosen, why, and what it made."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from qb_controller.commands.client import Client, add_url
from qb_controller.commands.output import (
    Column,
    Stopwatch,
    add_json,
    bits,
    clock,
    percent,
    print_table,
    seconds,
    show,
    write_json,
)

DECISIONS = (
    Column("decision", right=True),
    Column("at", clock),
    Column("application"),
    Column("backend"),
    Column("family"),
    Column("status"),
    Column("mlu_before", percent, right=True),
    Column("mlu", percent, right=True),
    Column("gap", percent, right=True),
    Column("moved", right=True),
    Column("elapsed_s", seconds, right=True),
    Column("reason"),
)
CANDIDATES = (
    Column("backend"),
    Column("family"),
    Column("time_s", seconds, right=True),
    Column("gap", percent, right=True),
    Column("utility", "{:.4g}".format, right=True),
    Column("refusal"),
)
PLAN = (
    Column("from"),
    Column("to"),
    Column("share", percent, right=True),
    Column("demand", bits, right=True),
    Column("path", " > ".join),
)

STATUS_WORDS = {
    "running": "is being worked on",
    "improved": "a better plan was installed",
    "kept": "the installed plan was as good and stayed",
    "late": "no answer came before the deadline; the installed plan stayed",
    "failed": "the backend failed; the installed plan stayed",
    "rejected": "the answer broke a rule of the network and was not installed",
}


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    if name == "explain":
        parser.add_argument(
            "decision", nargs="?", default="last", help="number of the decision (default: last)"
        )
    if name == "decisions":
        parser.add_argument(
            "--limit", type=int, default=20, metavar="N", help="how many (default: %(default)s)"
        )
        parser.add_argument(
            "--status",
            metavar="WORD",
            help="only those with this outcome: improved, kept, late, failed, rejected, running",
        )
    add_json(parser)
    add_url(parser)


def run(name: str, args: argparse.Namespace) -> int:
    watch, client = Stopwatch(), Client(args.url)
    if name == "plan":
        nothing = "no pair is steered: all traffic follows shortest paths"
        show(args, client.get("/v1/plan"), PLAN, nothing)
    elif name == "decisions":
        rows = client.get("/v1/decisions", limit=args.limit, status=args.status)
        show(args, rows, DECISIONS, "no decision has been taken yet")
    else:
        answer = client.get(f"/v1/decisions/{_in_path(args.decision)}")
        if args.json is not None:
            write_json({**answer, "meta": watch.meta()}, args.json)
        else:
            explain(answer)
    return 0


def _in_path(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="") or "last"


def explain(one: Mapping[str, Any]) -> None:
    """Tell the story of a decision."""
    family = f" ({one['family']})" if one["family"] else ""
    asked = "no solver was asked" if one["backend"] == "none" else f"{one['backend']}{family}"
    print(f"Decision {one['decision']} of {one['application']} at {clock(one['at'])}: {asked}")
    print(f"Why: {one['reason']}")
    print(f"Allowed: {seconds(one['deadline_s'])} from snapshot to verified plan")
    if one["features"]:
        seen = ", ".join(f"{key} {_figure(value)}" for key, value in one["features"].items())
        print(f"Looked at: {seen}")
    if one["candidates"]:
        print("\nPredictions (time: 90th percentile; gap: above the lower bound):")
        chosen = one["backend"]
        print_table(
            [
                {**row, "backend": f"{'*' if row['backend'] == chosen else ' '} {row['backend']}"}
                for row in one["candidates"]
            ],
            CANDIDATES,
        )
    print()
    print(outcome_text(one))


def outcome_text(one: Mapping[str, Any]) -> str:
    """What came of a decision, in sentences."""
    outcome = one["outcome"]
    if outcome is None:
        return "Outcome: not known yet"
    lines = [f"Outcome: {STATUS_WORDS.get(one['status'], one['status'])}"]
    figures = []
    if one["mlu_before"] is not None and one["mlu"] is not None:
        figures.append(f"MLU {percent(one['mlu_before'])} -> {percent(one['mlu'])} (modelled)")
    if one["gap"] is not None:
        figures.append(f"{percent(one['gap'])} above the bound of {percent(one['bound'])}")
    figures.append(f"{one['moved']} pairs moved")
    if one["elapsed_s"] is not None:
        figures.append(f"took {seconds(one['elapsed_s'])}")
    lines.append("  " + ", ".join(figures))
    predicted = {row["backend"]: row for row in one["candidates"]}.get(one["backend"], {})
    if predicted.get("time_s") is not None:
        lines.append(
            f"  predicted: within {seconds(predicted['time_s'])}"
            + (f", gap {percent(predicted['gap'])}" if predicted.get("gap") is not None else "")
        )
    if outcome["detail"] and outcome["detail"] != one["reason"]:
        lines.append(f"  {outcome['detail']}")
    lines += [f"  {key}: {_figure(value)}" for key, value in outcome["extra"].items()]
    return "\n".join(lines)


def _figure(value: object) -> str:
    if value is None:  # JSON has neither NaN nor infinity
        return "unknown"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
