"""``qb slice`` and ``qb slices``: ask for network slices, look at them, end them."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

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
from qb_controller.commands.slice_file import read_file
from qb_controller.errors import InputError

SLICES = (
    Column("slice"),
    Column("state"),
    Column("ends", " ".join),
    Column("rate", bits, right=True),
    Column("rate_back", bits, right=True),
    Column("latency_s", seconds, right=True),
    Column("isolation"),
    Column("protection"),
    Column("worth", "{:g}".format, right=True),
    Column("delivered", bits, right=True),
    Column("loss", percent, right=True),
    Column("measured_latency_s", seconds, right=True),
    Column("detail"),
)
PIPES = (
    Column("from"),
    Column("to"),
    Column("promised", bits, right=True),
    Column("offered", bits, right=True),
    Column("delivered", bits, right=True),
    Column("loss", "{:.2%}".format, right=True),
    Column("propagation_s", seconds, right=True),
    Column("measured_latency_s", seconds, right=True),
    Column("uncertainty_s", lambda error: f"+-{seconds(error)}", right=True),
    Column("probes_lost", right=True),
    Column("path", " > ".join),
    Column("backup", " > ".join),
)

OPTIONAL = ("backup", "loss", "measured_latency_s", "uncertainty_s", "probes_lost")
"""Columns that are left out where nothing stands in them."""

WAIT_S = 10.0
"""How long `create` and `apply` wait for the decision and for the switches."""

UNDECIDED = ("pending", "admitted")

FIELDS = (
    "rate",
    "rate_back",
    "latency",
    "isolation",
    "protection",
    "priority",
    "value",
    "start",
    "end",
)
OPTIONS = {
    "rate": "committed from first to second, or that each host may send: 3Mbit, 64kbit, 2e6",
    "rate-back": "committed from second to first, or that each host may receive",
    "latency": "most that the delays along a path may add up to: 30ms",
    "start": "when it begins: 2027-03-01T12:00:00Z, +1h",
    "end": "when it ends",
}


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    if name == "slices":
        _add_list(parser)
        return
    kinds = parser.add_subparsers(dest="kind", metavar="WHAT", required=True)
    create = kinds.add_parser("create", help="ask for a slice")
    create.add_argument("name", help="lower-case letters, digits and hyphens")
    ends = create.add_mutually_exclusive_group(required=True)
    ends.add_argument(
        "--pair", action="append", metavar="H1,H2", help="a pair of hosts; may be given again"
    )
    ends.add_argument("--hosts", metavar="H1,H2,...", help="hosts that share one rate each (hose)")
    for option, meaning in OPTIONS.items():
        create.add_argument(f"--{option}", required=option == "rate", help=meaning)
    create.add_argument("--isolation", help="shared (default), or links: nobody else on its links")
    create.add_argument("--protection", help="none (default), or disjoint: a backup path")
    create.add_argument("--priority", type=int, help="1 (default) to 10")
    create.add_argument("--value", type=float, help="worth per unit of time (default: 1)")
    _add_wait(create)
    for kind, meaning in (("show", "everything about a slice"), ("delete", "end a slice")):
        one = kinds.add_parser(kind, help=meaning)
        one.add_argument("name")
        add_json(one)
        add_url(one)
    _add_list(kinds.add_parser("list", help="all slices"))
    apply = kinds.add_parser("apply", help="make the slices those of a file, difference first")
    apply.add_argument("file", metavar="FILE.yaml", help="a list of requests under `slices:`")
    apply.add_argument("--yes", action="store_true", help="do not ask")
    apply.add_argument("--dry-run", action="store_true", help="only show the difference")
    _add_wait(apply)


def _add_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--state", help="only those in this state (expired ones only so)")
    add_json(parser)
    add_url(parser)


def _add_wait(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wait",
        type=float,
        default=WAIT_S,
        metavar="S",
        help="seconds to wait for the decision and the switches (default: %(default)s)",
    )
    add_json(parser)
    add_url(parser)


def run(name: str, args: argparse.Namespace) -> int:
    kind = "list" if name == "slices" else args.kind
    actions = {"create": _create, "list": _list, "show": _show, "delete": _delete, "apply": _apply}
    return actions[kind](args)


def _list(args: argparse.Namespace) -> int:
    show(args, Client(args.url).get("/v1/slices", state=args.state), SLICES, "there is no slice")
    return 0


def _create(args: argparse.Namespace) -> int:
    watch, client = Stopwatch(), Client(args.url)
    client.send("POST", "/v1/slices", _request(args))
    row = _settled(client, [args.name], args.wait)[0]
    if args.json is not None:
        write_json({**row, "meta": watch.meta()}, args.json)
    else:
        print(_sentence(row))
    return 0 if row["state"] != "rejected" else 1


def _request(args: argparse.Namespace) -> dict[str, Any]:
    given = {name: getattr(args, name) for name in FIELDS}
    ends: dict[str, Any] = {}
    if args.pair:
        ends["pairs"] = [pair.split(",") for pair in args.pair]
    else:
        ends["hosts"] = args.hosts.split(",")
    return {"name": args.name, **ends, **{n: v for n, v in given.items() if v is not None}}


def _settled(client: Client, names: Sequence[str], wait_s: float) -> list[dict[str, Any]]:
    """The slices once all are decided and confirmed, or as they are after the wait."""
    until = time.monotonic() + wait_s
    while True:
        rows = [client.get(f"/v1/slices/{quote(name, safe='')}") for name in names]
        waiting = [row for row in rows if row["state"] in UNDECIDED and not _later(row)]
        if not waiting or time.monotonic() >= until:
            return rows
        time.sleep(0.1)


def _later(row: Mapping[str, Any]) -> bool:
    """Whether a slice waits for its start."""
    return row["state"] == "pending" and row["start"] is not None and row["start"] > time.time()


def _sentence(row: Mapping[str, Any]) -> str:
    by = f" by decision {row['decision']}" if row["decision"] else ""
    return f"slice {row['slice']} is {row['state']}{by}" + (
        f": {row['detail']}" if row["detail"] else ""
    )


def _show(args: argparse.Namespace) -> int:
    watch, client = Stopwatch(), Client(args.url)
    row = client.get(f"/v1/slices/{quote(args.name, safe='') or '-'}")
    if args.json is not None:
        write_json({**row, "meta": watch.meta()}, args.json)
        return 0
    print(_sentence(row))
    print(
        f"  since {clock(row['since'])}, asked for {clock(row['asked_at'])}; number {row['number']}"
    )
    asked = {key: value for key, value in row["request"].items() if key != "name"}
    print("  asked: " + ", ".join(f"{key} {value}" for key, value in asked.items()))
    if row["violation"]:
        print(f"  NOT KEPT: {row['violation']}")
    if row["pipes"]:
        unused = {k for k in OPTIONAL if not any(p[k] is not None for p in row["pipes"])}
        print_table(row["pipes"], [column for column in PIPES if column.key not in unused])
    return 0


def _delete(args: argparse.Namespace) -> int:
    watch = Stopwatch()
    answer = Client(args.url).delete(f"/v1/slices/{quote(args.name, safe='') or '-'}")
    if args.json is not None:
        write_json({**answer, "meta": watch.meta()}, args.json)
    else:
        print(f"slice {answer['deleted']} is deleted")
    return 0


def _apply(args: argparse.Namespace) -> int:
    watch, client = Stopwatch(), Client(args.url)
    wanted = read_file(args.file)
    told = _put(client, wanted, args.file, dry_run=True)
    nothing = not (told["created"] or told["changed"] or told["deleted"])
    if args.json is None:
        print("\n".join(difference_lines(told)) or "nothing to change")
    if not (args.dry_run or nothing):
        if not args.yes and not _agreed():
            raise InputError("not applied: nobody agreed; --yes applies without asking")
        told = _put(client, wanted, args.file, dry_run=False)
    names = told["created"] + told["changed"] if not args.dry_run else []
    rows = _settled(client, names, args.wait)
    if args.json is not None:
        write_json({**told, "slices": rows, "meta": watch.meta()}, args.json)
    else:
        for row in rows:
            print(_sentence(row))
    return 1 if any(row["state"] == "rejected" for row in rows) else 0


def _put(client: Client, wanted: object, file: str, *, dry_run: bool) -> dict[str, Any]:
    try:
        answer = client.send("PUT", "/v1/slices" + ("?dry_run=true" if dry_run else ""), wanted)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    return dict(answer)


def _agreed() -> bool:
    if not sys.stdin.isatty():
        return False
    return input("apply? [y/N] ").strip().lower() in ("y", "yes")


def difference_lines(told: Mapping[str, Any]) -> list[str]:
    """What a set changes, a line for each slice: ``+`` new, ``-`` ends, ``~`` differs."""
    lines = [f"+ {name}" for name in told["created"]]
    lines += [f"- {name}" for name in told["deleted"]]
    for name, fields in told["changes"].items():
        texts = (f"{key} {_or(v['before'])} -> {_or(v['after'])}" for key, v in fields.items())
        lines.append(f"~ {name}: " + ", ".join(texts))
    return lines


def _or(value: object) -> str:
    return "default" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
