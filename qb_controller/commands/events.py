"""``qb events``: what happened to slices, and what happens to them now."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any

from qb_controller.commands.client import Client, add_url
from qb_controller.commands.output import Column, add_json, clock, show
from qb_controller.errors import InputError

EVENTS = (
    Column("number", right=True),
    Column("at", clock),
    Column("slice"),
    Column("kind"),
    Column("text"),
)


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--follow", action="store_true", help="go on as they come, until Ctrl-C")
    parser.add_argument(
        "--since", type=int, metavar="N", help="those after number N (default: the latest)"
    )
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many")
    parser.add_argument("--slice", metavar="NAME", help="of one slice alone")
    add_json(parser)
    add_url(parser)


def run(name: str, args: argparse.Namespace) -> int:
    client = Client(args.url)
    if args.follow and args.json not in (None, "-"):
        raise InputError("--follow writes JSON to standard output, one event a line")
    rows = client.get("/v1/events", since=args.since, limit=args.limit)
    since = rows[-1]["number"] if rows else args.since
    rows = [row for row in rows if args.slice in (None, row["slice"])]
    if not args.follow:
        show(args, rows, EVENTS, "nothing has happened to slices")
        return 0
    for row in rows:
        _tell(row, args.json is not None)
    for row in client.follow("/v1/events/stream", since=since or 0):
        if args.slice in (None, row["slice"]):
            _tell(row, args.json is not None)
    return 0


def _tell(row: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        text = json.dumps(row)
    else:
        text = f"{clock(row['at'])}  {row['slice']}: {row['kind']}: {row['text']}"
    print(text)
    sys.stdout.flush()
