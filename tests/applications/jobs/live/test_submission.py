from __future__ import annotations

from typing import Any

import pytest

from qb_controller.applications.jobs.live.planning import prepare
from qb_controller.applications.jobs.live.submission import circuit_of, parse
from qb_controller.errors import InputError
from qb_controller.model.jobs import CLASSICAL
from tests.applications.jobs.live.small import fleet

JOB = {"circuit": "ghz:3", "observable": "ZZZ", "shots": 100, "deadline_s": 60}


def job(**changes: Any) -> dict[str, Any]:
    return {**JOB, **changes}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"shots": 0}, "shots: want 1 to"),
        ({"shots": 1.5}, "shots: want a whole number"),
        ({"shots": True}, "shots: want a whole number"),
        ({"shots": "many"}, "shots: want a whole number, got 'many'"),
        ({"deadline_s": -1}, "deadline_s: -1 is in the past"),
        ({"deadline_s": 0}, "deadline_s: 0 is in the past"),
        ({"deadline_s": float("nan")}, "deadline_s: want a number"),
        ({"deadline_s": 1e9}, "deadline_s: 1e+09 is more than"),
        ({"fidelity": 1}, "fidelity: want at least 0 and below 1"),
        ({"seed": -1}, "seed: want 0 to"),
        ({"shots": 10**400}, "shots: want a whole number, got 1000"),
        ({"deadline_s": -(10**400)}, "deadline_s: want a number, got -100"),
        ({"seed": float("inf")}, "seed: want a whole number, got inf"),
        ({"observable": "ZZ\ud800"}, "observable: half a character at 2"),
        ({"circuit": 3}, "circuit: want text"),
        ({"key": 7}, "key: want text"),
        ({"key": "k" * 201}, "key: want at most 200 letters"),
        ({"colour": "red"}, "unknown key 'colour'"),
    ],
)
def test_wrong_fields_are_named(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError) as error:
        parse(job(**changes))
    assert named in str(error.value)


@pytest.mark.parametrize("missing", JOB)
def test_what_is_missing_is_named(missing: str) -> None:
    with pytest.raises(InputError, match=f"{missing}: is missing"):
        parse({key: value for key, value in JOB.items() if key != missing})


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"observable": "ZZ"}, "observable: 'ZZ' has 2 letters, the circuit 3 qubits"),
        ({"circuit": "OPENQASM 2.0;\nqreg q[3];\nh q[0]\n"}, "circuit: line 3: "),
        ({"circuit": "ghz:999", "observable": "Z"}, "qubits: want 2 to"),
    ],
)
def test_wrong_circuits_are_named(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError) as error:
        circuit_of(parse(job(**changes)))
    assert named in str(error.value)


def test_narrow_circuits_are_not_cut() -> None:
    prepared = prepare(parse(JOB), "j1", 5.0, fleet().qpus)
    assert [plan.name for plan in prepared.request.variants] == ["whole"]
    assert (prepared.request.arrival, prepared.request.deadline) == (5.0, 65.0)


def test_wide_circuits_are_cut_to_what_there_is() -> None:
    asked = parse(job(circuit="ghz:7", observable="Z" * 7))
    prepared = prepare(asked, "j1", 0.0, fleet().qpus)
    variants = prepared.request.variants
    assert len(variants) > 2
    assert any(plan.communication == CLASSICAL for plan in variants)
    for plan in variants:
        assert plan.width <= 5
        assert all(f.shots >= plan.overhead * 100 for f in plan.fragments)


def test_circuits_that_no_cut_fits_are_refused() -> None:
    asked = parse(job(circuit="qft:20", observable="X" * 20))
    with pytest.raises(InputError, match="circuit: 20 qubits on QPUs of at most 5: no way"):
        prepare(asked, "j1", 0.0, fleet().qpus)
