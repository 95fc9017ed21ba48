"""The backends by name. Importing this is cheap; a backend's libraries load when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from quantum_backends.problem import Problem
from quantum_backends.solution import Solution
from quantum_backends.solver import Backend, Budget, check_accepted


class Lazy:
    """A backend whose modules are imported at their first use, one class for each form it takes.

    Parameters
    ----------
    name, family : str
    **classes : str
        By form, ``module:class`` below this package.
    """

    def __init__(self, name: str, family: str, **classes: str) -> None:
        self.name, self.family = name, family
        self.forms = tuple(classes)
        self._classes = classes
        self._loaded: dict[str, Backend[Any]] = {}

    def _of(self, form: str) -> Backend[Any]:
        if form not in self._loaded:
            module, _, cls = self._classes[form].partition(":")
            found = importlib.import_module(f"quantum_backends.{module}")
            self._loaded[form] = getattr(found, cls)()
        return self._loaded[form]

    def refusal(self, problem: Problem) -> str:
        if problem.form not in self._classes:
            return f"it takes problems of {' and '.join(self.forms)}, not of {problem.form}"
        return self._of(problem.form).refusal(problem)

    def warm(self) -> None:
        for form in self.forms:
            self._of(form).warm()

    def solve(self, problem: Problem, budget: Budget, seed: int) -> Solution:
        check_accepted(self.name, self.refusal(problem))
        return self._of(problem.form).solve(problem, budget, seed)


class Registry(Mapping[str, Backend[Any]]):
    """Backends in order of preference; :meth:`register` adds a third party's."""

    def __init__(self, backends: tuple[Backend[Any], ...]) -> None:
        self._backends = {backend.name: backend for backend in backends}

    def __getitem__(self, name: str) -> Backend[Any]:
        try:
            return self._backends[name]
        except KeyError:
            known = ", ".join(self._backends)
            raise KeyError(f"no backend is called {name!r}; there are {known}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._backends)

    def __len__(self) -> int:
        return len(self._backends)

    def register(self, backend: Backend[Any]) -> None:
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
        Lazy(
            "highs-lp",
            "classical",
            routing="classical.highs_lp:HighsLp",
            flow="classical.flow_lp:FlowLp",
            program="classical.highs_program:LinearProgram",
        ),
        Lazy("equilibrium", "classical", routing="classical.equilibrium:EquilibriumRouting"),
        Lazy("flow-mwu", "classical", flow="classical.flow_mwu:FlowMwu"),
        Lazy(
            "highs-mip",
            "classical",
            routing="classical.highs_mip:HighsMip",
            choices="classical.choice_mip:ChoiceMip",
            packing="classical.packing_mip:PackingMip",
            program="classical.highs_program:MixedProgram",
        ),
        Lazy(
            "local-search",
            "classical",
            routing="classical.local_search:LocalSearch",
            choices="classical.choice_search:ChoiceLocalSearch",
            packing="classical.packing_search:PackingLocalSearch",
            schedule="classical.schedule_insertion:ScheduleInsertion",
        ),
        Lazy(
            "exhaustive",
            "classical",
            routing="classical.exhaustive:Exhaustive",
            choices="classical.choice_exhaustive:ChoiceExhaustive",
            packing="classical.packing_exhaustive:PackingExhaustive",
            schedule="classical.schedule_exhaustive:ScheduleExhaustive",
        ),
        Lazy(
            "cp-sat",
            "classical",
            routing="classical.cp_sat:CpSat",
            choices="classical.choice_cp_sat:ChoiceCpSat",
            packing="classical.packing_cp_sat:PackingCpSat",
            program="classical.cp_sat_program:CpSatProgram",
            schedule="classical.schedule_cp_sat:ScheduleCpSat",
        ),
        Lazy(
            "lp-rounding",
            "classical",
            routing="classical.lp_rounding:LpRounding",
            packing="classical.packing_lp_rounding:PackingLpRounding",
        ),
        Lazy(
            "path-switch",
            "annealer",
            routing="annealing.path_switch:path_switch",
            choices="annealing.potts:PottsAnnealer",
            packing="annealing.packing_switch:PackingAnnealer",
            schedule="annealing.schedule_orders:ScheduleAnnealer",
        ),
        Lazy("path-switch-mw", "annealer", routing="annealing.path_switch:path_switch_mw"),
        Lazy("path-switch-hinge", "annealer", routing="annealing.path_switch:path_switch_hinge"),
        Lazy(
            "sa-blocks",
            "annealer",
            routing="annealing.swap_blocks:sa_blocks",
            choices="annealing.choice_samplers:sa_blocks",
            packing="annealing.packing_samplers:sa_blocks",
            schedule="annealing.schedule_samplers:sa_blocks",
        ),
        Lazy(
            "tabu-blocks",
            "annealer",
            routing="annealing.swap_blocks:tabu_blocks",
            choices="annealing.choice_samplers:tabu_blocks",
            packing="annealing.packing_samplers:tabu_blocks",
            schedule="annealing.schedule_samplers:tabu_blocks",
        ),
        Lazy(
            "descent-blocks",
            "annealer",
            routing="annealing.swap_blocks:descent_blocks",
            choices="annealing.choice_samplers:descent_blocks",
            packing="annealing.packing_samplers:descent_blocks",
            schedule="annealing.schedule_samplers:descent_blocks",
        ),
        Lazy(
            "sa-qubo",
            "annealer",
            bqm="annealing.qubo:sa_model",
            routing="annealing.qubo:sa_routing",
            choices="annealing.choice_samplers:sa_qubo",
            packing="annealing.packing_samplers:sa_qubo",
        ),
        Lazy(
            "tabu-qubo",
            "annealer",
            bqm="annealing.qubo:tabu_model",
            routing="annealing.qubo:tabu_routing",
            packing="annealing.packing_samplers:tabu_qubo",
        ),
        Lazy(
            "descent-qubo",
            "annealer",
            bqm="annealing.qubo:descent_model",
            routing="annealing.qubo:descent_routing",
            packing="annealing.packing_samplers:descent_qubo",
        ),
        Lazy(
            "mock-dwave-blocks",
            "annealer",
            bqm="annealing.dwave:mock_model",
            routing="annealing.dwave:mock_blocks",
        ),
        Lazy(
            "dwave-blocks",
            "annealer",
            bqm="annealing.dwave:qpu_model",
            routing="annealing.dwave:qpu_blocks",
        ),
        Lazy(
            "dwave-hybrid",
            "annealer",
            bqm="annealing.dwave:hybrid_model",
            routing="annealing.dwave:hybrid_blocks",
        ),
        Lazy(
            "qaoa-blocks",
            "gate",
            bqm="gate.qaoa_blocks:noiseless_model",
            routing="gate.qaoa_blocks:noiseless_blocks",
            choices="gate.choice_blocks:noiseless_choices",
            packing="gate.packing_blocks:noiseless_packing",
            schedule="gate.schedule_blocks:noiseless_schedule",
        ),
        Lazy(
            "qaoa-noisy-blocks",
            "gate",
            bqm="gate.qaoa_blocks:noisy_model",
            routing="gate.qaoa_blocks:noisy_blocks",
        ),
        Lazy(
            "ibm-blocks",
            "gate",
            bqm="gate.qaoa_blocks:ibm_model",
            routing="gate.qaoa_blocks:ibm_blocks",
        ),
    )
)
