"""Reading topologies: REPETITA ``.graph``, Topology Zoo GraphML, SNDlib native.

Every fault is a ``ValueError`` whose text begins with ``file:line:`` (GraphML: the file and the
element) and says what is wrong.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from topologies.graph import (
    Edge,
    Node,
    Topology,
    both_ways,
    fibre_delay,
    merge_parallel,
    unique_names,
)
from topologies.graphml import read_graphml


def read_topology(path: str, default_capacity: float = 1e9) -> Topology:
    """Read a topology file of any of the three formats, told apart by what it begins with.

    Parameters
    ----------
    path : str
    default_capacity : float
        Bit/s of links to which a GraphML file gives no speed.

    Raises
    ------
    ValueError
        The file cannot be read or breaks its format.
    """
    text = read_text(path)
    start = text.lstrip("\ufeff \t\r\n")[:200]
    if start.startswith("<"):
        return read_graphml(path, text, default_capacity)
    if start.startswith("NODES") and not re.match(r"NODES\s*\(", start):
        return read_repetita(path, text)
    if is_sndlib(text):
        return read_sndlib(path, text)
    raise ValueError(
        f"{path}:1: neither REPETITA (begins with NODES n), GraphML (begins with <) nor SNDlib "
        "native (has a section NODES ( ... ))"
    )


def read_text(path: str) -> str:
    """Text of a file; ``ValueError`` where it cannot be read or is not UTF-8."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text file (byte {error.start} is not UTF-8)") from error


def topology_name(path: str) -> str:
    """File name without folder and extension."""
    return os.path.splitext(os.path.basename(path))[0]


def read_repetita(path: str, text: str) -> Topology:
    """REPETITA: ``NODES n``, a heading, n lines ``label x y``; ``EDGES m``, likewise.

    Edges are directed: ``label src dest weight bw delay`` with bw in kbit/s and delay in
    microseconds. Parallel edges are merged; edges from a node to itself, which published files
    have, carry no traffic and are left out.
    """
    lines = numbered(text)
    nodes = []
    for line, words in section(path, lines, "NODES"):
        want_words(path, line, words, 3, "label x y")
        where = f"{path}:{line}"
        nodes.append(Node(words[0], number(where, words[1]), number(where, words[2])))
    edges = []
    for line, words in section(path, lines, "EDGES"):
        want_words(path, line, words, 6, "label src dest weight bw delay")
        where = f"{path}:{line}"
        src, dst = (node_index(where, word, len(nodes)) for word in words[1:3])
        capacity = positive(where, words[4], "bw")
        delay = number(where, words[5])
        if delay < 0:
            raise ValueError(f"{where}: delay {words[5]} is negative")
        if src != dst:
            edges.append(Edge(src, dst, capacity * 1e3, delay * 1e-6))
    return build(path, nodes, merge_parallel(edges))


def numbered(text: str) -> Iterator[tuple[int, list[str]]]:
    """Lines that are not empty, as (line number from 1, words)."""
    for i, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if words:
            yield i, words


def section(
    path: str, lines: Iterator[tuple[int, list[str]]], keyword: str
) -> Iterator[tuple[int, list[str]]]:
    """Rows of a REPETITA section: ``KEYWORD count``, a heading line, count rows."""
    line, words = next(lines, (1, []))
    if len(words) != 2 or words[0] != keyword or not words[1].isdecimal():
        raise ValueError(f"{path}:{line}: expected '{keyword} count', found {' '.join(words)!r}")
    count = int(words[1])
    next(lines, None)
    for done in range(count):
        row = next(lines, None)
        if row is None:
            raise ValueError(f"{path}: the file ends after {done} of {count} {keyword} rows")
        yield row


def is_sndlib(text: str) -> bool:
    """Whether a text has a section of the SNDlib native format."""
    return bool(re.search(r"^\s*(NODES|DEMANDS)\s*\(", text, re.MULTILINE))


def read_sndlib(path: str, text: str) -> Topology:
    """SNDlib native: undirected links ``id ( a b ) pre-installed cost routing setup ( modules )``.

    The capacity is the pre-installed one where there is some, else that of the first module;
    SNDlib states Mbit/s. Delays are those of the great circle.
    """
    nodes = []
    for line, words in sndlib_section(path, text, "NODES"):
        if len(words) < 5 or words[1] != "(" or words[4] != ")":
            raise ValueError(f"{path}:{line}: expected 'node ( longitude latitude )'")
        where = f"{path}:{line}"
        nodes.append(Node(words[0], number(where, words[2]), number(where, words[3])))
    index = {node.name: i for i, node in enumerate(nodes)}
    links = []
    for line, words in sndlib_section(path, text, "LINKS"):
        where = f"{path}:{line}"
        a, b = sndlib_ends(where, words, index)
        if a == b:
            raise ValueError(f"{where}: link {words[0]} begins and ends at {words[2]}")
        capacity = number(where, words[5]) if len(words) > 5 else 0.0
        if capacity <= 0 and len(words) > 10 and words[9] == "(":
            capacity = number(where, words[10]) if words[10] != ")" else 0.0
        if capacity <= 0:
            raise ValueError(f"{where}: link {words[0]} has neither capacity nor module")
        links.append((a, b, capacity * 1e6, fibre_delay(nodes[a], nodes[b])))
    return build(path, nodes, both_ways(links))


def sndlib_section(path: str, text: str, keyword: str) -> Iterator[tuple[int, list[str]]]:
    """Rows of ``KEYWORD ( ... )`` as (line number, words); comments are left out."""
    inside = False
    for i, raw in enumerate(text.splitlines(), 1):
        words = raw.partition("#")[0].replace("(", " ( ").replace(")", " ) ").split()
        if not words:
            continue
        if not inside:
            inside = words[:2] == [keyword, "("]
        elif words == [")"]:
            return
        else:
            yield i, words
    state = "has no end" if inside else "is missing"
    raise ValueError(f"{path}: the section {keyword} ( ... ) {state}")


def sndlib_ends(where: str, words: list[str], index: dict[str, int]) -> tuple[int, int]:
    """Node indexes of ``id ( source target ) ...``."""
    if len(words) < 5 or words[1] != "(" or words[4] != ")":
        raise ValueError(f"{where}: expected 'id ( source target ) ...'")
    for name in words[2:4]:
        if name not in index:
            raise ValueError(f"{where}: {words[0]} names the node {name}, which is not there")
    return index[words[2]], index[words[3]]


def build(path: str, nodes: list[Node], edges: tuple[Edge, ...]) -> Topology:
    """Make the topology of what was read; names that occur twice get numbers."""
    names = unique_names([node.name for node in nodes])
    unique = tuple(Node(name, node.x, node.y) for name, node in zip(names, nodes, strict=True))
    try:
        return Topology(topology_name(path), unique, edges)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def want_words(path: str, line: int, words: list[str], count: int, names: str) -> None:
    """Raise unless a row has as many words as it should."""
    if len(words) != count:
        raise ValueError(f"{path}:{line}: expected '{names}', found {len(words)} words")


def number(where: str, word: str) -> float:
    """Finite number of a word."""
    try:
        value = float(word)
    except ValueError:
        raise ValueError(f"{where}: {word!r} is not a number") from None
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(f"{where}: {word} is not a finite number")
    return value


def positive(where: str, word: str, what: str) -> float:
    """Finite number above zero."""
    value = number(where, word)
    if value <= 0:
        raise ValueError(f"{where}: {what} {word} is not positive")
    return value


def node_index(where: str, word: str, n: int) -> int:
    """Node index below n."""
    if not word.isdecimal() or int(word) >= n:
        raise ValueError(f"{where}: node {word} is not one of 0..{n - 1}")
    return int(word)
