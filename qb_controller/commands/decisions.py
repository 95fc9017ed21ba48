"""``qb decisions``, ``qb explain``, ``qb plan``: what was chosen, why, and what it made."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
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
from qb_controller.errors import InputError, NotFound

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
    Column("budget_s", seconds, right=True),
    Column("time50_s", seconds, right=True),
    Column("time_s", seconds, right=True),
    Column("gap10", percent, right=True),
    Column("gap", percent, right=True),
    Column("gap90", percent, right=True),
    Column("late", percent, right=True),
    Column("energy_j", "{:.3g}".format, right=True),
    Column("price", "{:.3g}".format, right=True),
    Column("utility", "{:.4g}".format, right=True),
    Column("regret", "{:+.3g}".format, right=True),
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
    "kept": "what was there is as good and stays",
    "late": "no answer came before the deadline; the installed plan stayed",
    "failed": "the backend failed; the installed plan stayed",
    "rejected": "the answer broke a rule of the network and was not installed",
}


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    if name == "explain":
        parser.add_argument(
            "decision", nargs="?", default="last", help="number of the decision (default: last)"
        )
        parser.add_argument(
            "--state",
            type=Path,
            metavar="DIR",
            help="read the journal in this state directory instead of asking the controller",
        )
        parser.add_argument(
            "--replay",
            action="store_true",
            help="take the decision again from what is recorded (needs --state); exit code 1 "
            "where another choice comes out",
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
    if name == "explain" and args.state is not None:
        return _from_journal(args)
    if name == "explain" and args.replay:
        raise InputError("--replay needs --state DIR, where the journal lies")
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


def _from_journal(args: argparse.Namespace) -> int:
    """Explain a recorded decision, and take it again where asked for."""
    from qb_controller.northbound.resources import decision_detail
    from qb_controller.orchestration.journal import recorded
    from qb_controller.orchestration.replay import differences, replay

    watch = Stopwatch()
    if args.decision != "last" and not args.decision.isdigit():
        raise InputError(f"{args.decision}: want the number of a decision, or last")
    number = None if args.decision == "last" else int(args.decision)
    found = recorded(args.state, number)
    if found is None:
        raise NotFound(f"no decision {args.decision} in the journal of {args.state}")
    answer = decision_detail(found)
    changed = differences(found, replay(found)) if args.replay else []
    if args.replay:
        answer = {**answer, "replay": {"same": not changed, "differences": changed}}
    if args.json is not None:
        write_json({**answer, "meta": watch.meta()}, args.json)
    else:
        explain(answer)
        if args.replay:
            print("Replay: " + ("the same choice" if not changed else "; ".join(changed)))
    return 1 if changed else 0


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
        print("\nPredictions (time: to the first answer; gap: above the lower bound):")
        rows = [_candidate(row, one) for row in one["candidates"]]
        unused = {key for key in ("price", "regret") if not any(row.get(key) for row in rows)}
        print_table(rows, [column for column in CANDIDATES if column.key not in unused])
    print()
    print(outcome_text(one))
    if text := regret_text(one):
        print(text)


def _candidate(row: Mapping[str, Any], one: Mapping[str, Any]) -> dict[str, Any]:
    """One candidate as the table shows it: with the forecast for the budget it would get."""
    part = row.get("formulation", "whole")
    chosen = (row["backend"], part) == (one["backend"], one.get("formulation", "whole"))
    name = row["backend"] if part == "whole" else f"{row['backend']} on {part}"
    forecasts = {each["budget_s"]: each for each in row.get("forecasts", ())}
    forecast = forecasts.get(row.get("budget_s"), {})
    shown = {**forecast, **{key: value for key, value in row.items() if value is not None}}
    if not forecast:
        shown.pop("energy_j", None)
    regret = one.get("regret", {}).get(row["backend"]) if part == "whole" else None
    return {**shown, "backend": f"{'*' if chosen else ' '} {name}", "regret": regret}


def regret_text(one: Mapping[str, Any]) -> str:
    """What trying other backends afterwards has shown; empty where none was tried."""
    tried = one.get("regret") or {}
    if not tried:
        return ""
    best = max(tried, key=tried.__getitem__)
    if tried[best] <= 0:
        return f"Tried afterwards: {', '.join(sorted(tried))}; none would have been better"
    return (
        f"Tried afterwards: {', '.join(sorted(tried))}; {best} would have been better by "
        f"{tried[best]:.2g} (percent of gap, time included)"
    )


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
    what = "slices" if one["application"] == "slices" else "pairs"
    figures.append(f"{one['moved']} {what} moved")
    if one["elapsed_s"] is not None:
        figures.append(f"took {seconds(one['elapsed_s'])}")
    lines.append("  " + ", ".join(figures))
    arms = {(row["backend"], row.get("formulation", "whole")): row for row in one["candidates"]}
    predicted = arms.get((one["backend"], one.get("formulation", "whole")), {})
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
