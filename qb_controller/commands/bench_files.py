"""Instances in a folder of published files, as the benchmarks without a network read them."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qb_controller.errors import InputError


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


def published_flows(folder: str) -> Mapping[str, Mapping[str, str]]:
    """Rows of ``published_results.csv`` by instance name; none where there is no such file."""
    table = _folder(folder, "ncflow") / "published_results.csv"
    if not table.exists():
        return {}
    with table.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    try:
        return {
            f"{r['topology']}.{r['tm_model']}.{r['seed']}.x{float(r['scale']):g}": r for r in rows
        }
    except (KeyError, ValueError) as error:
        raise InputError(f"{table}: not a table of published flows: {error}") from None


def choose(files: Sequence[Files], wanted: str | None) -> list[Files]:
    """Instances whose names begin with one of the words ``a,b,...``; all where none are given.

    Raises
    ------
    InputError
        A word fits none.
    """
    if wanted is None:
        return list(files)
    words = [word for word in wanted.split(",") if word]
    for word in words:
        if not any(each.name.startswith(word) for each in files):
            known = ", ".join(sorted({each.name.partition(".")[0] for each in files}))
            raise InputError(f"--instances {word}: no instance begins so; there are {known}")
    return [each for each in files if each.name.startswith(tuple(words))]


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
