"""Slices decided by the real optimiser process, over a real socket pair."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qb_controller.model.slices import Ends, SliceRequest
from qb_controller.orchestration.journal import recorded
from qb_controller.runtime.messages import Settings, SlicesRequest, SlicesResult
from tests.northbound.still import diamond
from tests.runtime.test_optimiser import ROOT, Controller, request


def question(number: int, *rates: float) -> SlicesRequest:
    requests = tuple(
        SliceRequest(f"s{i}", (Ends("h1", "h4"),), rate=rate) for i, rate in enumerate(rates)
    )
    numbers = {each.name: i for i, each in enumerate(requests, 1)}
    return SlicesRequest(number, diamond(), requests, numbers, (), Settings(2.0))


@pytest.fixture()
def controller(tmp_path: Path) -> Iterator[Controller]:
    each = Controller(tmp_path)
    yield each
    each.end()


def test_slices_are_decided_and_journalled(controller: Controller, tmp_path: Path) -> None:
    controller.receive()
    controller.wait_for_workers()
    controller.send(question(1, 8e6, 8e6, 8e6))
    result = controller.receive()
    assert isinstance(result, SlicesResult) and result.number == 1
    assert result.plan is not None, result.detail
    assert len(result.plan.placements) == 2 and len(result.refused) == 1
    found = recorded(tmp_path, result.decision.number)
    assert found is not None and found.application == "slices"


def test_slices_wait_their_turn_behind_a_cycle(controller: Controller) -> None:
    controller.receive()
    controller.wait_for_workers()
    controller.send(request(1, "obedient", deadline_s=2.0))
    while controller.pong().workers["classical"] != "busy":
        time.sleep(0.01)
    for number in range(1, 11):  # eight may wait
        controller.send(question(number, 1e6))
    answers = [controller.receive() for _ in range(11)]
    refused = [each for each in answers[:2] if each.plan is None and "waiting" in each.detail]
    assert [each.number for each in refused] == [9, 10]
    waited = answers[3:]
    assert [each.number for each in waited] == list(range(1, 9))
    assert all(each.plan is not None for each in waited)


def test_the_controller_side_needs_no_numerical_library() -> None:
    code = (
        "import sys, qb_controller.slicing.control, qb_controller.slicing.assurance\n"
        "import qb_controller.northbound.slices\n"
        "print([m for m in ('numpy', 'scipy', 'numba') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.strip() == "[]"
