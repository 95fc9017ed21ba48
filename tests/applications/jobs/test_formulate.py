"""What a plan may take for done."""

from __future__ import annotations

import numpy as np

from qb_controller.applications.jobs.formulate import ready_at
from qb_controller.model.jobs import CLASSICAL, CutPlan, Fragment, JobRequest, Progress, SubJob

PARTS = Fragment(3, 2, 2, 100), Fragment(3, 2, 2, 100, after=(0,))
REQUEST = JobRequest("r", (CutPlan(PARTS, CLASSICAL, wire_cuts=1),), 100, 0.0, 60.0)


def test_what_is_overdue_is_not_done() -> None:
    up = SubJob("r", 0, 0, "q1", 100, 0.0, 5.0)
    lag = np.zeros((2, 2))
    at = {"q1": 0, "q2": 1}
    waiting = Progress(REQUEST, 0, (0, 100), under_way=(up,))
    assert (ready_at(waiting, (0,), 9.0, lag, at) > 0).all()
    assert (ready_at(waiting, (0,), 2.0, lag, at) == 3.0).all()
    done = Progress(REQUEST, 0, (0, 100), done=(up,))
    assert (ready_at(done, (0,), 9.0, lag, at) == 0).all()
