import numpy as np
import pytest

from qb_controller.applications.jobs import settings
from qb_controller.applications.jobs.book import Book, spread
from qb_controller.applications.jobs.bounds import clairvoyant, upper_bound
from qb_controller.applications.jobs.prices import dual_prices
from qb_controller.applications.jobs.schedulers import make
from qb_controller.applications.jobs.simulator import simulate
from qb_controller.applications.jobs.workload import Cell, draw
from qb_controller.commands.jobs_small import without_trouble
from qb_controller.model.jobs import QpuState, State
from quantum_backends.classical.schedule_cp_sat import most_served
from quantum_backends.registry import BACKENDS
from quantum_backends.solver import Budget
from tests.applications.jobs.clouds import cloud, machine, request

GIVEN = settings.defaults()


def test_nobody_serves_more_than_the_bound():
    for seed in range(3):
        drawn = draw(Cell(1.5, 1.5, 4), GIVEN, seed, 60)
        bound = upper_bound(drawn)
        assert bound < 60
        for name in ("qb", "greedy", "sa"):
            assert simulate(drawn, make(name, GIVEN)).served <= bound


@pytest.mark.parametrize("deadline, bound", [(4.0, 4), (3.9, 3), (1.0, 1)])
def test_the_bound_counts_what_fits(deadline, bound):
    requests = [request(i, 0.0, deadline) for i in range(6)]
    assert upper_bound(cloud(requests, [machine(0)])) == bound


def test_the_bound_knows_outages():
    requests = [request(i, 0.0, 4.0) for i in range(6)]
    drawn = cloud(requests, [machine(0)], outages=(((1.0, 3.0),),))
    assert upper_bound(drawn) == 2


def test_the_optimum_of_a_small_instance_lies_between():
    calm = without_trouble(GIVEN)
    for seed in range(2):
        drawn = draw(Cell(1.5, 1.5, 3), calm, seed, 8)
        problem = clairvoyant(drawn, 4).problem
        top = min(most_served(problem, 2)[0] + 1e-6, upper_bound(drawn))
        known = BACKENDS["path-switch"].solve(problem, Budget(0.2), seed)
        assert len(problem.served(known.answer)) <= top
        assert simulate(drawn, make("qb", calm)).served <= top
    with pytest.raises(ValueError, match="must be off"):
        clairvoyant(draw(Cell(1.0, 5.0, 8), GIVEN, 0, 240), 4)


def test_what_is_proven_about_a_small_instance_is_not_below_what_is_served():
    # OR-Tools' presolve cut the plan of 8 off and called 7 proven.
    problem = clairvoyant(draw(Cell(1.25, 3.0, 2), without_trouble(GIVEN), 1005, 8), 8).problem
    plan = BACKENDS["cp-sat"].solve(problem, Budget(5), 0).answer
    problem.check(plan)
    assert len(problem.served(plan)) == 8 == round(most_served(problem, 20)[0])


def test_shots_are_spread_so_that_all_end_together():
    start, overhead = np.array([0.0, 1.0, 9.0]), np.ones(3)
    shot_s = np.array([0.1, 0.2, 0.1])
    given = dict(spread(start, overhead, shot_s, 60, 3))
    assert given == {0: 44, 1: 16}  # 5.33 s on both, one shot over; the third begins at 10
    assert sum(given.values()) == 60
    assert spread(start, overhead, np.full(3, np.inf), 60, 3) == []
    assert spread(start, overhead, shot_s, 60, 1) == [(0, 60)]


def test_prices_are_zero_while_there_is_room_and_what_is_left_out_would_bring():
    requests = [request(i, float(i), i + 10.0, 1000 * (1 + i % 2)) for i in range(10)]
    qpus = (machine(0), machine(1))
    state = State(tuple(QpuState(q, 0.0) for q in qpus), ())
    book = Book()
    book.open(state)
    ways = [book.ways(r, qpus, state.latency, 0.0) for r in requests]
    # Five take a second, five take two: fifteen seconds in all.
    assert dual_prices(requests, ways, book.overhead, np.array([8.0, 8.0])) == pytest.approx(0.0)
    assert dual_prices(requests, ways, book.overhead, np.array([6.0, 6.0])) == pytest.approx(0.5)
    assert dual_prices(requests, ways, book.overhead, np.array([2.0, 0.0])) == pytest.approx(
        [1.0, 0.0]
    )
