"""``qb jobs submit|list|show|cancel``: by a controller, or in this process with ``--local``.

Local jobs are kept in the directory that ``--state`` names, and only in memory without one.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from qb_controller.commands.client import Client, add_url
from qb_controller.commands.output import (
    Column,
    Stopwatch,
    add_json,
    clock,
    only_answers,
    seconds,
    show,
    write_json,
)
from qb_controller.errors import InputError, NotFound, QBError

if TYPE_CHECKING:
    from qb_controller.applications.jobs.live.engine import Engine

OPEN = ("waiting", "running")
POLL_S = 0.3
_UNITS = {"": 1.0, "s": 1.0, "ms": 1e-3, "m": 60.0, "min": 60.0, "h": 3600.0}

COLUMNS = (
    Column("job"),
    Column("status"),
    Column("circuit"),
    Column("qubits", right=True),
    Column("shots", right=True),
    Column("value", "{:+.4f}".format, right=True),
    Column("error", "{:.4f}".format, right=True),
    Column("fidelity", "{:.3f}".format, right=True),
    Column("elapsed_s", seconds, right=True),
    Column("deadline_s", seconds, right=True),
    Column("on_time", lambda held: "yes" if held else "LATE"),
    Column("way"),
)

Ask = Callable[[str, str, bytes], Any]
"""Action, name and body to the JSON of the answer."""


def add_arguments(kind: str, parser: argparse.ArgumentParser) -> None:
    if kind == "submit":
        parser.add_argument(
            "circuit", help="an OpenQASM 2 or 3 file, or a circuit of the library such as ghz:8"
        )
        parser.add_argument("--shots", type=int, required=True, help="of the circuit uncut")
        parser.add_argument(
            "--observable", required=True, metavar="ZZ", help="a Pauli letter for each qubit"
        )
        parser.add_argument("--deadline", required=True, metavar="60s", help="from now on")
        parser.add_argument(
            "--fidelity", type=float, default=0.0, help="least estimated fidelity (default: none)"
        )
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument(
            "--key",
            default="",
            help="your own name of the job: sent again with the same key it stays one job",
        )
        parser.add_argument(
            "--no-wait", action="store_true", help="return once it is taken, not once it is done"
        )
    elif kind == "list":
        parser.add_argument("--limit", type=int, default=100, help="most rows (default: 100)")
    else:
        parser.add_argument("job", help="its name, such as j1")
    parser.add_argument(
        "--local", action="store_true", help="without a controller, on this machine's processors"
    )
    parser.add_argument("--state", type=Path, metavar="DIR", help="where local jobs are kept")
    add_url(parser)
    add_json(parser)


def run(kind: str, args: argparse.Namespace) -> int:
    if args.state is not None and not args.local:
        raise InputError("--state is for --local; a controller keeps its jobs in its own directory")
    if args.local and args.state is None and kind != "submit":
        raise InputError(f"qb jobs {kind} --local needs --state DIR, where the jobs are kept")
    watch = Stopwatch()
    if kind == "submit":
        body = _body(args)  # before any worker is started
    with _asking(args) as (ask, wait):
        if kind == "submit":
            found = ask("submit", "", json.dumps(body).encode())
            if not args.no_wait:
                found = wait(found)
        elif kind == "list":
            found = ask("list", str(args.limit), b"")
        else:
            found = ask(kind, args.job, b"")
    if kind == "list":
        show(args, found, COLUMNS, "no jobs")
        return 0
    return _answer(args, found, watch)


def _body(args: argparse.Namespace) -> dict[str, Any]:
    from quantum_backends.cutting.library import is_name

    named = is_name(args.circuit) and not Path(args.circuit).exists()
    return {
        "circuit": args.circuit if named else _read(args.circuit),
        "observable": args.observable,
        "shots": args.shots,
        "deadline_s": duration(args.deadline, "--deadline"),
        "fidelity": args.fidelity,
        "seed": args.seed,
        "label": args.circuit if named else Path(args.circuit).name,
        "key": args.key,
    }


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not text") from None


def duration(text: str, option: str) -> float:
    """Seconds of ``60``, ``60s``, ``1.5min``, ``2h``.

    Raises
    ------
    InputError
        It is none.
    """
    found = re.fullmatch(r"\s*([+-]?\d+(?:\.\d*)?)\s*([a-z]*)\s*", text)
    if found is None or found.group(2) not in _UNITS:
        raise InputError(f"{option} {text}: want a duration such as 60s, 5min or 2h")
    return float(found.group(1)) * _UNITS[found.group(2)]


@contextlib.contextmanager
def _asking(args: argparse.Namespace) -> Iterator[tuple[Ask, Callable[[Any], Any]]]:
    """Whoever answers, and what waits for a job."""
    if args.local:
        with _local(args.state) as engine:
            yield _ask_here(engine), lambda taken: _wait_here(engine, taken)
        return
    client = Client(args.url)

    def ask(action: str, name: str, body: bytes) -> Any:
        if action == "submit":
            return client.send("POST", "/v1/jobs", json.loads(body))
        if action == "list":
            return client.get("/v1/jobs", limit=int(name))
        if action == "cancel":
            return client.delete(f"/v1/jobs/{quote(name, safe='') or '-'}")
        return client.get(f"/v1/jobs/{quote(name, safe='') or '-'}")

    def wait(taken: Any) -> Any:
        while taken["status"] in OPEN:
            time.sleep(POLL_S)
            taken = ask("show", taken["job"], b"")
        return taken

    yield ask, wait


@contextlib.contextmanager
def _local(state: Path | None) -> Iterator[Engine]:
    import logging

    from qb_controller.applications.jobs.live.opening import open_engine
    from qb_controller.applications.jobs.live.store import Store

    logging.getLogger("qiskit").setLevel(logging.WARNING)
    with only_answers(), open_engine(Store(state)) as engine:
        yield engine


def _ask_here(engine: Engine) -> Ask:
    from qb_controller.applications.jobs.live.desk import answer

    def ask(action: str, name: str, body: bytes) -> Any:
        code, text = answer(engine, action, name, body)
        value = json.loads(text)
        if code == 404:
            raise NotFound(value["error"])
        if code >= 500:
            raise QBError(value["error"])
        if code >= 400:
            raise InputError(value["error"])
        return value

    return ask


def _wait_here(engine: Engine, taken: Any) -> Any:
    from qb_controller.applications.jobs.live.telling import everything

    while engine.running(int(taken["job"][1:])) is not None:
        engine.step(0.1)
    return everything(engine, engine.record(taken["job"]))


def _answer(args: argparse.Namespace, job: Any, watch: Stopwatch) -> int:
    """Tell about a job; 1 where it ended without a value or late."""
    if args.json is not None:
        write_json({**job, "meta": watch.meta(job["seed"])}, args.json)
    else:
        print("\n".join(told(job)))
    failed = job["status"] in ("missed", "failed") or job["on_time"] is False
    return 1 if args.subject == "submit" and failed else 0


def told(job: Any) -> Iterator[str]:
    """A job in lines for people."""
    yield f"{job['job']}: {job['circuit']}, {job['qubits']} qubits, {job['shots']} shots"
    yield f"  status    {job['status']}" + (f": {job['detail']}" if job["detail"] else "")
    if job["value"] is not None:
        yield f"  <{job['observable']}>  {job['value']:+.5f} +- {job['error']:.5f}"
        yield (
            f"            (sampling {job['sampling_error']:.5f}, device noise "
            f"{job['noise_error']:.5f}; estimated fidelity {job['fidelity']:.3f})"
        )
    if job["way"]:
        yield f"  served    {job['way']}"
    held = {None: "open", True: "held", False: "NOT held"}[job["on_time"]]
    elapsed = "" if job["elapsed_s"] is None else f", {seconds(job['elapsed_s'])} elapsed"
    yield (
        f"  deadline  {clock(job['deadline_at'])} ({seconds(job['deadline_s'])}): {held}{elapsed}; "
        f"at the earliest {seconds(job['earliest_s'])} (modelled)"
    )
    for fragment in job["fragments"]:
        for ran in fragment["ran"]:
            yield (
                f"  fragment {fragment['fragment']}: {ran['shots']} shots of {ran['circuits']} "
                f"circuits on {ran['qpu']}, modelled {seconds(ran['modelled_s'])}, measured "
                f"{seconds(ran['measured_s'])}; {_kind(ran['simulated'])}"
            )
    for lost in job["lost"]:
        yield f"  lost      {lost['shots']} shots of fragment {lost['fragment']} by {lost['qpu']}"


def _kind(simulated: str | None) -> str:
    """What a fragment ran on, in words."""
    if simulated is None:
        return "a QPU that is not there any more"
    return simulated or "a real device"
