import numpy as np
import pytest

from qb_controller.applications.jobs import estimates, foresight, settings
from qb_controller.applications.jobs import foresight_kernels as kernels
from qb_controller.applications.jobs.book import Book
from qb_controller.applications.jobs.bounds import upper_bound
from qb_controller.applications.jobs.schedulers import make
from qb_controller.applications.jobs.simulator import simulate
from qb_controller.applications.jobs.workload import Cell, draw
from qb_controller.commands.jobs_small import without_trouble
from qb_controller.model.jobs import Decision, Dispatch, QpuState, State
from tests.applications.jobs.clouds import cloud, machine, request

CALM = without_trouble(settings.defaults())
GIVEN = {**CALM["small"]["foresight"], "futures": 8, "kinds": 60, "prices": [0, 0.1]}
FEW = {**CALM, "small": {**CALM["small"], "foresight": GIVEN}}
CELL = Cell(1.25, 1.5, 2)


def truth(drawn):
    """A draw of futures that knows the one that comes, and what it is made of."""
    arrivals = np.array([each.arrival for each in drawn.requests])
    given = np.array([each.deadline for each in drawn.requests]) - arrivals
    work = np.array([estimates.work_s(each, drawn.qpus) for each in drawn.requests])
    kinds = foresight.Kinds(drawn.requests, given, work)

    def futures(seen, now, rng):
        rows = np.arange(len(seen), len(drawn.requests))[None, :]
        return rows, arrivals[rows], arrivals[rows] + given[rows]

    return futures, kinds


def by_policy(price, longest_s):
    """A scheduler that does what one of the policies does, and knows that more will come."""
    book = Book()

    def decide(state, now):
        table = foresight._table(state, NOTHING, book)
        scene, waiting = foresight._scene(state, table, NOTHING, len(state.recent) + 1)
        orders = []
        while True:
            choice = kernels.first_choice(table, scene, now, price, longest_s)
            i, v, k, m, shots = (int(each) for each in choice)
            if i < 0:
                return Decision(tuple(orders))
            kernels.give(table, scene, i, v, k, m, shots, now)
            variant = v - int(table.first_variant[scene.row[i]])
            name = waiting[i].request.name
            orders.append(Dispatch(name, variant, k, state.qpus[m].qpu.name, shots))

    return decide


NOTHING = foresight.Kinds((), np.empty(0), np.empty(0))


@pytest.mark.parametrize("longest_s", [3.0, 1e6])
def test_what_is_played_is_what_the_simulation_brings(longest_s):
    for seed in range(6):
        drawn = draw(CELL, CALM, seed, 8)
        state = State(
            tuple(QpuState(qpu, 0.0) for qpu in drawn.qpus), (), drawn.latency, drawn.requests
        )
        table = foresight._table(state, NOTHING, Book())
        scene, _ = foresight._scene(state, table, NOTHING, 8)
        scene.deadline[:] = [each.deadline for each in drawn.requests]
        played = kernels.play(table, scene, 0.0, 0.0, longest_s)
        assert played == simulate(drawn, by_policy(0.0, longest_s)).served


def test_who_knows_what_comes_keeps_a_qpu_for_it():
    # Whoever begins the long one misses those that come while it runs.
    requests = [request(0, 0.0, 16.0, 14000)]
    requests += [request(i, 3.0 * i, 3.0 * i + 1.5) for i in range(1, 5)]
    drawn = cloud(requests, [machine(0)])
    assert upper_bound(drawn) == 4
    assert simulate(drawn, make("qb", CALM)).served < 4
    futures, kinds = truth(drawn)
    assert simulate(drawn, foresight.foresight(futures, kinds, GIVEN, 0)).served == 4


def test_nobody_exceeds_the_bound_and_the_same_seed_serves_the_same():
    kinds = foresight.kinds(CELL, FEW)
    for seed in range(2):
        drawn = draw(CELL, FEW, seed, 8)
        runs = [
            simulate(
                drawn,
                foresight.foresight(foresight.drawing(CELL, FEW, kinds), kinds, GIVEN, seed),
            )
            for _ in range(2)
        ]
        assert runs[0].schedule == runs[1].schedule
        assert 0 < runs[0].served <= upper_bound(drawn)


def test_futures_follow_the_rate_that_the_arrivals_tell():
    kinds = foresight.kinds(CELL, FEW)
    many = {**FEW, "small": {**FEW["small"], "foresight": {**GIVEN, "futures": 2000}}}
    futures = foresight.drawing(CELL, many, kinds)
    rng = np.random.default_rng(0)
    rows, arrivals, deadlines = futures((), 0.0, rng)
    assert rows.shape == arrivals.shape == deadlines.shape == (2000, 8)
    assert (deadlines - arrivals == pytest.approx(kinds.given_s[rows])) and (arrivals > 0).all()
    # Load is arriving work over what the QPUs can do.
    span = kinds.work_s[rows].mean() / (CELL.load * CELL.qpus)
    assert arrivals[:, 0].mean() == pytest.approx(span, rel=0.1)
    seen = draw(CELL, FEW, 0, 8).requests[:4]
    gaps = [np.diff(futures(seen, now, rng)[1]).mean() for now in (5.0, 200.0)]
    assert gaps[0] < 0.8 * gaps[1]
