"""Whether a new job can be served by its deadline, and what its client is told where it cannot."""

from __future__ import annotations

import math

from qb_controller.applications.jobs.live.floor import Floor
from qb_controller.applications.jobs.live.planning import Prepared
from qb_controller.applications.jobs.live.submission import Submission
from qb_controller.applications.jobs.timing import completion
from qb_controller.errors import QBError
from qb_controller.model.jobs import Progress


class TooLate(QBError):
    """A job that cannot be served by its deadline.

    Attributes
    ----------
    earliest_s : float
        Seconds from now by which it could be expected, by modelled times; infinite where no QPU
        that is there may run it.
    """

    def __init__(self, submission: Submission, earliest_s: float) -> None:
        if math.isfinite(earliest_s):
            text = (
                f"deadline_s: {submission.deadline_s:g} s cannot be met; the earliest possible is "
                f"{earliest_s:.1f} s from now (modelled)"
            )
        elif submission.fidelity:
            text = (
                f"fidelity: no way to serve it on the QPUs that are there is expected to reach "
                f"{submission.fidelity:g} (modelled)"
            )
        else:
            text = "circuit: no QPU that could run it is there at present"
        super().__init__(text)
        self.earliest_s = earliest_s


def expected_end(prepared: Prepared, floor: Floor, now: float) -> float:
    """When a new job could be done at the earliest, everything else left as it is ordered.

    Raises
    ------
    TooLate
        That is after its deadline.
    """
    free = {
        name: floor.free_at(name, now) if floor.there(name) else math.inf for name in floor.qpus
    }
    end = completion(Progress(prepared.request), tuple(floor.qpus.values()), free, now)
    if end > prepared.request.deadline:
        raise TooLate(prepared.submission, end - now)
    return end
