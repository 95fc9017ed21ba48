from __future__ import annotations

import pytest

from qb_controller.cli import main
from qb_controller.commands import bench_runtime


def test_its_problems_are_of_several_forms_and_the_same_for_a_seed() -> None:
    first, again = bench_runtime.problems(3), bench_runtime.problems(3)
    assert {problem.form for problem in first} == {"routing", "choices", "bqm"}
    assert [problem.bound for problem in first] == [problem.bound for problem in again]


def test_no_tasks_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "runtime", "--tasks", "0"]) != 0
    assert "--tasks is 0" in capsys.readouterr().err
