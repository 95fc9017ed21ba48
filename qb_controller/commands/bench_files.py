"""Instances in a folder of published files, as the benchmarks without a network read them."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from qb_controller.errors import InputError

V = TypeVar("V")


@dataclass(frozen=True)
class Files:
    """One instance: a topology and a matrix for it.

    Attributes
    ----------
    name : str
        File name of the matrix without its extension.
    graph, demands : str
    """

    name: str
    graph: str
    demands: str


def repetita(folder: str) -> list[Files]:
    """Instances of REPETITA: ``NAME.graph`` with ``NAME.0000.demands`` or ``NAME.demands``.

    Raises
    ------
    InputError
        No such folder, or no instance in it.
    """
    found = []
    for path in sorted(_folder(folder, "repetita").glob("*.demands")):
        name = path.name.removesuffix(".demands")
        graph = path.with_name(re.sub(r"\.\d+$", "", name) + ".graph")
        if graph.exists():
            found.append(Files(name, str(graph), str(path)))
    return _some(found, folder, "NAME.graph with NAME.0000.demands")


def ncflow(folder: str) -> list[Files]:
    """Instances of NCFlow's benchmark: ``NAME.graphml`` with ``NAME.model.seed.scale.npz``.

    Raises
    ------
    InputError
        No such folder, or no instance in it.
    """
    found = []
    for path in sorted(_folder(folder, "ncflow").glob("*.npz")):
        graph = path.with_name(path.name.partition(".")[0] + ".graphml")
        if graph.exists():
            found.append(Files(path.name.removesuffix(".npz"), str(graph), str(path)))
    return _some(found, folder, "NAME.graphml with NAME.model.seed.scale.npz")


@dataclass(frozen=True)
class Published:
    """What NCFlow's benchmark published of one instance; None where it did not.

    Attributes
    ----------
    total_flow, concurrent_flow : float or None
        Optima of the linear programs; the concurrent share stops at one.
    total_s, concurrent_s : float or None
        Seconds that solving them took its authors.
    """

    total_flow: float | None = None
    total_s: float | None = None
    concurrent_flow: float | None = None
    concurrent_s: float | None = None


def published_flows(folder: str) -> Mapping[str, Published]:
    """The figures of ``published_results.csv`` by instance; none where there is no such file.

    Raises
    ------
    InputError
        It is no such table.
    """

    def read(row: Mapping[str, str]) -> tuple[str, Published]:
        columns = ("lp_flow", "lp_runtime_s", "maxconc_lp", "maxconc_lp_runtime_s")
        figures = (float(row[name]) if row.get(name) else None for name in columns)
        name = f"{row['topology']}.{row['tm_model']}.{row['seed']}.x{float(row['scale']):g}"
        return name, Published(*figures)

    return _table(_folder(folder, "ncflow") / "published_results.csv", read)


def published_optima(folder: str) -> Mapping[str, float]:
    """Least MLU of split plans by instance, of ``reference_mcf.csv``; none where that is not there.

    Raises
    ------
    InputError
        It is no such table.
    """

    def read(row: Mapping[str, str]) -> tuple[str, float]:
        return row["instance"], float(row["mcf_mlu_lower_bound"])

    return _table(_folder(folder, "repetita") / "reference_mcf.csv", read)


def choose(names: Sequence[str], wanted: str | None) -> list[str]:
    """Names that begin with one of the words ``a,b,...``; all where none are given.

    Raises
    ------
    InputError
        A word fits none.
    """
    if wanted is None:
        return list(names)
    words = [word for word in wanted.split(",") if word]
    for word in words:
        if not any(name.startswith(word) for name in names):
            known = ", ".join(sorted({name.partition(".")[0] for name in names}))
            raise InputError(f"--instances {word}: no instance begins so; there are {known}")
    return [name for name in names if name.startswith(tuple(words))]


def _table(path: Path, read: Callable[[Mapping[str, str]], tuple[str, V]]) -> dict[str, V]:
    """A CSV file by key, row by row; empty where there is no such file."""
    if not path.exists():
        return {}
    found = {}
    with path.open(newline="", encoding="utf-8") as lines:
        rows = csv.DictReader(lines)
        for row in rows:
            try:
                key, value = read(row)
            except KeyError as error:
                raise InputError(f"{path}: there is no column {error}") from None
            except ValueError as error:
                raise InputError(f"{path}:{rows.line_num}: {error}") from None
            found[key] = value
    return found


def _folder(folder: str, inner: str) -> Path:
    """The folder itself, or the one of that name in it."""
    if not os.path.isdir(folder):
        raise InputError(f"--data {folder}: no such folder")
    path = Path(folder) / inner
    return path if path.is_dir() else Path(folder)


def _some(found: list[Files], folder: str, want: str) -> list[Files]:
    if not found:
        raise InputError(f"--data {folder}: no instances in it ({want})")
    return found
