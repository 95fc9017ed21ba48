"""The backends by name. Importing this is cheap; a backend's libraries load when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping

from quantum_backends.routing import RoutingProblem
from quantum_backends.solution import Solution
from quantum_backends.solver import Backend, Budget


class Lazy:
    """A backend whose module is imported at its first use."""

    def __init__(self, name: str, family: str, module: str, cls: str) -> None:
        self.name, self.family = name, family
        self._module, self._class = module, cls
        self._backend: Backend | None = None

    def _loaded(self) -> Backend:
        if self._backend is None:
            module = importlib.import_module(f"quantum_backends.{self._module}")
            self._backend = getattr(module, self._class)()
        return self._backend

    def refusal(self, problem: RoutingProblem) -> str:
        return self._loaded().refusal(problem)

    def warm(self) -> None:
        self._loaded().warm()

    def solve(self, problem: RoutingProblem, budget: Budget, seed: int) -> Solution:
        return self._loaded().solve(problem, budget, seed)


class Registry(Mapping[str, Backend]):
    """Backends in order of preference; :meth:`register` adds a third party's."""

    def __init__(self, backends: tuple[Backend, ...]) -> None:
        self._backends = {backend.name: backend for backend in backends}

    def __getitem__(self, name: str) -> Backend:
        try:
            return self._backends[name]
        except KeyError:
            known = ", ".join(self._backends)
            raise KeyError(f"no backend is called {name!r}; there are {known}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._backends)

    def __len__(self) -> int:
        return len(self._backends)

    def register(self, backend: Backend) -> None:
        """Add a backend under its own name.

        Raises
        ------
        ValueError
            The name is taken.
        """
        if backend.name in self._backends:
            raise ValueError(f"a backend called {backend.name!r} is already registered")
        self._backends[backend.name] = backend


BACKENDS = Registry(
    (
        Lazy("highs-lp", "classical", "classical.highs_lp", "HighsLp"),
        Lazy("highs-mip", "classical", "classical.highs_mip", "HighsMip"),
        Lazy("local-search", "classical", "classical.local_search", "LocalSearch"),
        Lazy("exhaustive", "classical", "classical.exhaustive", "Exhaustive"),
        Lazy("sa-blocks", "annealer", "annealing.swap_blocks", "AnnealedBlocks"),
        Lazy("qaoa-blocks", "gate", "gate.qaoa_blocks", "QaoaBlocks"),
    )
)
