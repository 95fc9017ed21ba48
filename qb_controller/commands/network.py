"""``qb topology``, ``qb links``, ``qb status``: what the controller knows without asking."""

from __future__ import annotations

import argparse
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

SWITCHES = (
    Column("switch"),
    Column("dpid", right=True),
    Column("hosts", ", ".join),
    Column("neighbours", ", ".join),
)
LINKS = (
    Column("from"),
    Column("from_port", right=True),
    Column("to"),
    Column("to_port", right=True),
    Column("capacity", bits, right=True),
    Column("rate", bits, right=True),
    Column("utilisation", percent, right=True),
)


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    if name == "links":
        parser.add_argument(
            "--top", type=_count, metavar="N", help="only the N most loaded links, hottest first"
        )
    add_json(parser)
    add_url(parser)


def run(name: str, args: argparse.Namespace) -> int:
    watch = Stopwatch()
    client = Client(args.url)
    if name == "links":
        _links(args, client.get("/v1/links"))
    elif name == "topology":
        _topology(args, client.get("/v1/topology"), watch)
    else:
        _status(args, client.get("/v1/status"), watch)
    return 0


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("want 1 or more")
    return value


def _links(args: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
    if args.top is not None:
        rows = sorted(rows, key=lambda row: -(row["utilisation"] or 0.0))[: args.top]
    show(args, rows, LINKS, "no links: no two switches are connected to each other")


def _topology(args: argparse.Namespace, answer: dict[str, Any], watch: Stopwatch) -> None:
    if args.json is not None:
        write_json({**answer, "meta": watch.meta()}, args.json)
        return
    if not answer["switches"]:
        print("no switches are connected")
        return
    print_table(answer["switches"], SWITCHES)
    print(
        f"{len(answer['switches'])} switches, {len(answer['hosts'])} hosts, "
        f"{len(answer['links'])} link directions"
    )


def _status(args: argparse.Namespace, now: dict[str, Any], watch: Stopwatch) -> None:
    if args.json is not None:
        write_json({**now, "meta": watch.meta()}, args.json)
        return
    print(
        f"Q-Backbone {now['version']}, up for {seconds(now['uptime_s'])}: {now['switches']} "
        f"switches, {now['hosts']} hosts, {now['links']} link directions"
    )
    print(
        f"network: MLU {percent(now['mlu'])}, {bits(now['offered'])} offered, read every "
        f"{seconds(now['telemetry_interval_s'])}"
        + ("" if now["settled"] else "; an update is being installed")
    )
    print(te_sentence(now["te"]))
    print(_optimiser_sentence(now["optimiser"]))
    print(
        f"event loop: late by {seconds(now['hub_stall_p99_s'])} at p99 of the last minute, "
        f"{seconds(now['hub_stall_recent_max_s'])} at worst in it, "
        f"{seconds(now['hub_stall_max_s'])} since the start"
    )


def te_sentence(te: dict[str, Any]) -> str:
    """Settings of traffic engineering in words."""
    if not te["enabled"]:
        return "traffic engineering: off, traffic follows shortest paths"
    chooser = f"backend pinned to {te['backend']}" if te["backend"] else "the policy chooses"
    paths = "split plans" if te["split"] else "single paths"
    return f"traffic engineering: on, {chooser}, {paths}, deadline {seconds(te['deadline_s'])}"


def _optimiser_sentence(optimiser: dict[str, Any]) -> str:
    state = f"up (process {optimiser['pid']})" if optimiser["up"] else "down, being restarted"
    last = ""
    if optimiser["last_cycle_at"] is not None:
        last = f", the last at {clock(optimiser['last_cycle_at'])}"
        if optimiser["last_cycle_s"] is not None:
            last += f" in {seconds(optimiser['last_cycle_s'])}"
    return (
        f"optimiser: {state}, {optimiser['cycles']} cycles{last}, "
        f"restarted {optimiser['restarts']} times"
    )
