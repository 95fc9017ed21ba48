from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_controller.runtime.task import FINAL, TRANSITIONS, Record, State, Task, Worth
from quantum_backends.testing import tiny_problem


def test_a_task_is_frozen_and_has_a_deadline() -> None:
    task = Task("a", "traffic", tiny_problem(), deadline=12.0)
    with pytest.raises(FrozenInstanceError):
        task.deadline = 13.0  # type: ignore[misc]
    with pytest.raises(ValueError, match="task b: deadline inf"):
        Task("b", "traffic", tiny_problem(), deadline=float("inf"))


@pytest.mark.parametrize("name", ["quality", "early", "energy", "price"])
def test_worth_is_never_negative(name: str) -> None:
    with pytest.raises(ValueError, match=f"worth of {name} is -1"):
        Worth(**{name: -1.0})


@given(st.lists(st.sampled_from(State), max_size=12))
def test_a_record_follows_the_table_or_stays_as_it_is(wanted: list[State]) -> None:
    record = Record.begin("a", 0.0)
    for at, state in enumerate(wanted, 1):
        if state in TRANSITIONS[record.state]:
            longer = record.to(state, float(at), "why")
            assert longer.history[:-1] == record.history
            record = longer
        else:
            with pytest.raises(ValueError, match="cannot become"):
                record.to(state, float(at))
    assert [change.at for change in record.history] == sorted(c.at for c in record.history)


def test_every_state_is_reached_and_final_ones_are_left_by_nobody() -> None:
    reached = {State.QUEUED}.union(*TRANSITIONS.values())
    assert reached == set(State)
    assert {s for s in State if not TRANSITIONS[s]} == FINAL
    record = Record.begin("a", 0.0).to(State.DECIDING, 1.0).to(State.QUEUED, 2.0)
    assert record.count(State.QUEUED) == 2
