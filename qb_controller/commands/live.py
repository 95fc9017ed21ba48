"""``qb flows``, ``qb path``, ``qb drift``: what the switches really hold, asked of them now."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from qb_controller.commands.client import Client, add_url
from qb_controller.commands.output import (
    Column,
    Stopwatch,
    add_json,
    bits,
    on_terminal,
    percent,
    print_table,
    rich_table,
    seconds,
    show,
    write_json,
)
from qb_controller.errors import InputError

FLOWS = (
    Column("switch"),
    Column("owner"),
    Column("pair"),
    Column("path", " > ".join),
    Column("epoch", right=True),
    Column("decision", right=True),
    Column("packets", right=True),
    Column("packet_rate", "{:.1f}/s".format, right=True),
    Column("bit_rate", bits, right=True),
    Column("age_s", seconds, right=True),
    Column("text"),
)
SLICE = (*FLOWS[:-1], Column("headroom", bits, right=True), FLOWS[-1])

DRIFT = (
    Column("switch"),
    Column("difference"),
    Column("text"),
    Column("entry"),
)

FIRST_READING_S = 1.0
"""Between the two readings that a rate needs when nobody asked lately."""

SETTLE_S = 15.0
"""How long ``qb drift`` waits for an update that is being installed."""


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    if name == "flows":
        _add_flows(parser)
    elif name == "path":
        parser.add_argument("source", help="host or switch (h1, 10.0.0.1, s1)")
        parser.add_argument("target", help="host or switch")
    else:
        parser.add_argument(
            "--repair",
            action="store_true",
            help="have the differences removed, then look again",
        )
    add_json(parser)
    add_url(parser)


def _add_flows(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--switch", metavar="NAME", help="rules of this switch only")
    parser.add_argument("--pair", metavar="A,B", help="rules for packets from A to B (h1,h7)")
    parser.add_argument(
        "--owner", metavar="NAME", help="rules of this owner (base, te, slices, ryu, foreign)"
    )
    parser.add_argument(
        "--slice", metavar="NAME", help="rules, groups and meters of this slice, with its headroom"
    )
    parser.add_argument(
        "--watch", action="store_true", help="show them again and again, busiest first"
    )
    parser.add_argument(
        "--interval", type=_interval, default=2.0, metavar="S", help="of --watch (default: 2)"
    )


def _interval(text: str) -> float:
    value = float(text)
    if not 0.5 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text}: want 0.5 to 3600 seconds")
    return value


def run(name: str, args: argparse.Namespace) -> int:
    watch, client = Stopwatch(), Client(args.url)
    if name == "drift":
        return _drift(args, client)
    if name == "path":
        answer = client.get("/v1/path", **{"from": args.source, "to": args.target})
        if args.json is not None:
            write_json({**answer, "meta": watch.meta()}, args.json)
        else:
            tell_path(answer)
        return 0 if answer["delivered"] else 1
    if args.watch:
        _watch(args, client)
    else:
        show(args, _rated(args, client), columns(args), "no rule matches")
    return 0


def _read(args: argparse.Namespace, client: Client) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = client.get(
        "/v1/flows", switch=args.switch, pair=args.pair, owner=args.owner, slice=args.slice
    )
    return rows


def columns(args: argparse.Namespace) -> tuple[Column, ...]:
    """Columns of the table of rules: those of a slice have what they are still good for."""
    return FLOWS if args.slice is None else SLICE


def _rated(args: argparse.Namespace, client: Client) -> list[dict[str, Any]]:
    """Read once, and again where nobody has read lately enough to tell rates."""
    rows = _read(args, client)
    if any(row["packet_rate"] is None for row in rows):
        time.sleep(FIRST_READING_S)
        rows = _read(args, client)
    return rows


def _watch(args: argparse.Namespace, client: Client) -> None:
    """Show the rules until Ctrl-C; with ``--json`` one list to a line."""
    if args.json not in (None, "-"):
        raise InputError("--watch writes JSON to standard output only, not to a file")
    try:
        if args.json is None and on_terminal():
            _watch_terminal(args, client)
        while True:
            rows = busiest_first(_read(args, client))
            if args.json is not None:
                sys.stdout.write(json.dumps(rows) + "\n")
            else:
                print(time.strftime("%H:%M:%S"))
                print_table(rows, columns(args))
            sys.stdout.flush()
            time.sleep(args.interval)
    except KeyboardInterrupt:
        return


def _watch_terminal(args: argparse.Namespace, client: Client) -> None:
    from rich.live import Live

    with Live(screen=True, auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            rows = busiest_first(_read(args, client))
            title = f"{len(rows)} rules at {time.strftime('%H:%M:%S')}, busiest first; Ctrl-C ends"
            live.update(rich_table(rows, columns(args), title), refresh=True)
            time.sleep(args.interval)


def busiest_first(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: -(row["packet_rate"] or 0.0))


def tell_path(answer: Mapping[str, Any]) -> None:
    """Print where packets go, one line for each way they may take."""
    ends = f"{answer['from']} -> {answer['to']}"
    ways = answer["ways"]
    if not ways:
        print(f"{ends}: {answer['text']}")
        return
    print(f"{ends}: {answer['text']}")
    for way in ways:
        share = percent(way["share"])
        if way["measured_share"] is not None:
            share += f" wanted, {percent(way['measured_share'])} measured"
        print(f"  {' > '.join(way['path'])}  ({share})")
        print(f"    {way['text']}")


def _drift(args: argparse.Namespace, client: Client) -> int:
    if args.repair:
        client.send("POST", "/v1/repair", {})
    until = time.monotonic() + SETTLE_S
    answer = client.get("/v1/drift")
    while not answer["settled"] and time.monotonic() < until:
        time.sleep(0.5)
        answer = client.get("/v1/drift")
    rows = answer["differences"]
    fine = (
        f"no difference: {answer['entries']} entries of {answer['switches']} switches are as meant"
    )
    if not answer["settled"]:
        print(
            f"qb drift: an update has been going on for {SETTLE_S:g} s; what differs may be "
            "under way",
            file=sys.stderr,
        )
    show(args, rows, DRIFT, fine)
    return 1 if rows else 0
