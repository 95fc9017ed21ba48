"""Compile every inner loop and keep it on disk: ``python -m qb_controller.precompile``.

The set-up does this, so that the first controller, test or command after it does not spend its
first half minute on compiling while it is waited for.
"""

from __future__ import annotations

import sys
from pathlib import Path

import quantum_backends
from qb_controller.orchestration.features import features
from qb_controller.orchestration.performance import Performance
from qb_controller.runtime.worker import warm_all
from quantum_backends.greedy import warm
from quantum_backends.registry import BACKENDS
from quantum_backends.testing import tiny_problem


def forget_stale(folders: tuple[Path, ...]) -> int:
    """Delete compiled loops older than the newest source of any loop; how many files.

    Loops are compiled into the loops that call them, but numba looks only at the file of the
    outermost: after a change in another file it would go on with what was compiled before.
    """
    sources = [path for folder in folders for path in folder.rglob("*.py")]
    newest = max(
        (path.stat().st_mtime for path in sources if b"@njit" in path.read_bytes()), default=0.0
    )
    compiled = [path for folder in folders for path in folder.rglob("__pycache__/*.nb[ci]")]
    stale = [path for path in compiled if path.stat().st_mtime < newest]
    for path in stale:
        path.unlink()
    return len(stale)


def main() -> int:
    """Warm everything; what could not be loaded is told, and is no failure of the set-up."""
    forget_stale((Path(__file__).parent, Path(quantum_backends.__file__).parent))
    Performance({name: BACKENDS[name].family for name in BACKENDS}).warm()
    features(tiny_problem(), 1.0)
    for form in sorted({form for backend in BACKENDS.values() for form in backend.forms}):
        warm(form)
    for name, reason in warm_all(BACKENDS).items():
        print(f"{name} {reason}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
