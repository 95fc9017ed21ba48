"""What every command shares: ``--json``, the ``meta`` object, and tables for people.

JSON shapes: a command whose answer is a list writes that list, plain, with the keys of the
table's columns (and more detail in further keys); a command whose answer is one object adds
``meta`` to it (:func:`meta`).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

from qb_controller import __version__
from qb_controller.errors import InputError

Row = Mapping[str, Any]

LIBRARIES = (
    "numpy",
    "scipy",
    "highspy",
    "ortools",
    "numba",
    "dimod",
    "dwave-ocean-sdk",
    "dwave-samplers",
    "qiskit",
    "qiskit-aer",
    "qiskit-ibm-runtime",
    "qiskit-optimization",
    "simpy",
    "ryu",
    "eventlet",
)
"""Distributions whose versions a result may depend on."""


@dataclass(frozen=True)
class Column:
    """One column of a table: the key in the row and how a value is written for people."""

    key: str
    text: Callable[[Any], str] = str
    right: bool = False


def add_json(parser: argparse.ArgumentParser) -> None:
    """Give a command ``--json [FILE]``: ``args.json`` is None, ``-`` or a file."""
    parser.add_argument(
        "--json",
        nargs="?",
        const="-",
        metavar="FILE",
        help="write JSON to FILE, or to standard output where none is named (then put it last)",
    )


@dataclass
class Stopwatch:
    """When a command began, by the calendar and by a steady clock."""

    start: float = field(default_factory=time.time)
    steady: float = field(default_factory=time.perf_counter)

    def meta(self, seed: int | None = None) -> dict[str, Any]:
        """Return the ``meta`` object of a command that began with this stopwatch.

        Returns
        -------
        dict
            ``version``, ``seed`` (None where nothing was drawn), ``machine``, ``libraries``
            (versions by distribution), ``start`` (ISO 8601, UTC) and ``duration_s``.
        """
        return {
            "version": __version__,
            "seed": seed,
            "machine": machine(),
            "libraries": library_versions(),
            "start": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.start)),
            "duration_s": round(time.perf_counter() - self.steady, 3),
        }


def machine() -> dict[str, Any]:
    """Describe this computer: processor, usable cores, memory in bytes, system, Python."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def library_versions() -> dict[str, str]:
    """Versions of those of :data:`LIBRARIES` that are installed, without importing them."""
    import importlib.metadata

    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def write_json(value: object, target: str) -> None:
    """Write ``value`` as JSON to a file, or to standard output for ``-``.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    text = json.dumps(value, indent=2, allow_nan=False) + "\n"
    if target == "-":
        sys.stdout.write(text)
        return
    try:
        with open(target, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"{target}: cannot write: {error.strerror}") from None


@contextlib.contextmanager
def only_answers() -> Iterator[None]:
    """Drop what libraries print to standard output meanwhile.

    HiGHS greets from C++ when it is first used, past ``sys.stdout``; standard output is for the
    answer alone. Leaves a standard output without a file descriptor (under tests) alone.
    """
    try:
        stdout = sys.stdout.fileno()
    except (OSError, ValueError):
        yield
        return
    sys.stdout.flush()
    saved, nowhere = os.dup(stdout), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stdout)
    os.close(nowhere)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(saved, stdout)
        os.close(saved)


def on_terminal(stream: TextIO | None = None) -> bool:
    return (stream or sys.stdout).isatty()


def cells(rows: Sequence[Row], columns: Sequence[Column]) -> list[list[str]]:
    """The text of every cell; a missing or None value is ``-``."""
    return [
        ["-" if row.get(column.key) is None else column.text(row[column.key]) for column in columns]
        for row in rows
    ]


def plain_table(rows: Sequence[Row], columns: Sequence[Column]) -> str:
    """Aligned text, two spaces between columns, no line wrapped."""
    lines = [[column.key for column in columns], *cells(rows, columns)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    return "\n".join(
        "  ".join(
            text.rjust(width) if column.right else text.ljust(width)
            for text, width, column in zip(line, widths, columns, strict=True)
        ).rstrip()
        for line in lines
    )


def rich_table(rows: Sequence[Row], columns: Sequence[Column], title: str = "") -> Any:
    """Return the same as a ``rich.table.Table``."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", header_style="bold", box=None)
    for column in columns:
        table.add_column(column.key, justify="right" if column.right else "left")
    for line in cells(rows, columns):
        table.add_row(*(Text(text) for text in line))
    return table


def print_table(rows: Sequence[Row], columns: Sequence[Column]) -> None:
    """Print a table the way the output can show it."""
    if not on_terminal():
        print(plain_table(rows, columns))
        return
    from rich.console import Console

    Console(width=shutil.get_terminal_size().columns).print(rich_table(rows, columns))


def show(
    args: argparse.Namespace, rows: Sequence[Row], columns: Sequence[Column], empty: str
) -> None:
    """Answer with a list: JSON where asked for, else a table, or ``empty`` where there is none."""
    if args.json is not None:
        write_json(list(rows), args.json)
    elif rows:
        print_table(rows, columns)
    else:
        print(empty)


def bits(value: float) -> str:
    """Write a rate in bit/s with a unit: ``1.25 Mbit/s``."""
    for unit in ("bit/s", "kbit/s", "Mbit/s", "Gbit/s"):
        if abs(value) < 1000 or unit == "Gbit/s":
            return f"{value:.3g} {unit}" if abs(value) < 1000 else f"{value:.0f} {unit}"
        value /= 1000
    raise AssertionError("unreachable")


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def seconds(value: float) -> str:
    """Write a duration so that its size is seen: ``42 ms``, ``3.2 s``, ``2 h 05 min``."""
    if value < 1:
        return f"{1000 * value:.3g} ms"
    if value < 120:
        return f"{value:.1f} s"
    minutes = int(value // 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def clock(value: float) -> str:
    """Local time of day of a Unix time."""
    return time.strftime("%H:%M:%S", time.localtime(value))
