import pickle
from dataclasses import replace

import numpy as np
import pytest

from quantum_backends.objective import moved, score
from quantum_backends.routing import Layout, flatten, nest, one_hot
from quantum_backends.testing import tiny_problem


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"capacity": np.array([1.0, 0, 1, 1])}, r"capacity\[1\]: 0.0"),
        ({"capacity": np.ones(3)}, "equal length"),
        ({"tail": np.array([0, 1, 0, 9])}, r"tail\[3\]: 9 is not a node"),
        ({"volume": np.array([1.0, np.nan, 1])}, r"volume\[1\]: nan"),
        ({"volume": np.array([1.0, -2, 1])}, r"volume\[1\]: -2.0"),
        ({"target": np.array([3, 0, 3])}, r"target\[1\]: 0 equals its source"),
        ({"bound": -1.0}, "bound"),
        ({"paths": (((0, 1),),)}, "1 entries for 3 demands"),
        ({"paths": (((0, 1),), ((0,),), ((2, 3),))}, r"paths\[1\]\[0\].*source to target"),
        ({"paths": (((0, 3),), ((0, 1),), ((2, 3),))}, r"paths\[0\]\[0\].*follow one another"),
        ({"paths": (((0, 7),), ((0, 1),), ((2, 3),))}, r"paths\[0\]\[0\]: \(0, 7\) names a link"),
        ({"paths": ((()), ((0, 1), ()), ((2, 3),))}, r"paths\[1\]\[1\].*no link"),
        ({"incumbent": ((1.0, 0.0),)}, "incumbent: 1 demands"),
        ({"incumbent": ((1.0,), (1.0, 0.0), (1.0, 0.0))}, r"incumbent\[0\]: 1 shares for 2"),
        ({"incumbent": ((0.4, 0.4), (1.0, 0.0), (1.0, 0.0))}, r"incumbent\[0\].*add up to 0.8"),
        ({"incumbent": ((1.5, -0.5), (1.0, 0.0), (1.0, 0.0))}, r"incumbent\[0\].*outside"),
    ],
)
def test_errors_name_what_is_wrong(change, text):
    with pytest.raises(ValueError, match=text):
        replace(tiny_problem(), **change)


def test_loops_are_refused():
    problem = tiny_problem()
    tail, head = np.append(problem.tail, [1, 2]), np.append(problem.head, [2, 1])
    looped = {"tail": tail, "head": head, "capacity": np.ones(6)}
    fine = replace(problem, **looped, paths=(((0, 4, 3),), ((0, 1),), ((2, 3),)))
    assert len(fine.layout.link) == 7
    with pytest.raises(ValueError, match="twice"):
        replace(problem, **looped, paths=(((0, 4, 5, 1),), ((0, 1),), ((2, 3),)))


def test_loads_and_objective():
    problem = tiny_problem()
    plan = one_hot(problem, np.array([0, 3, 5]))
    assert plan == ((1.0, 0.0), (0.0, 1.0), (0.0, 1.0))
    assert problem.loads(plan).tolist() == [6, 6, 8, 8]
    assert problem.mlu(plan) == 0.8
    assert nest(problem, flatten(plan)) == plan
    np.testing.assert_allclose(
        problem.incidence.T @ (flatten(plan) * problem.choice_volume), problem.loads(plan)
    )
    kept = replace(problem, incumbent=one_hot(problem, np.array([0, 2, 5])), move_cost=2.0)
    assert moved(kept, plan) == pytest.approx(4 / 14)
    assert score(kept, plan) == pytest.approx((0.8, 2 * 0.36 + 2 * 0.64 + 2 * 4 / 14, 4 / 14))


def test_below_the_bound_only_squares_and_moving_count():
    problem = replace(tiny_problem(split=True), bound=0.9)
    even = ((0.5, 0.5),) * 3
    assert score(problem, even).mlu == score(problem, one_hot(problem, np.array([0, 3, 5]))).mlu


def test_layout_reads_like_nested_paths():
    nested = (((0, 1), (2, 3)), ((4,),), ())
    layout = Layout.of(nested)
    assert layout.nested() == nested and Layout.of(layout) is layout
    assert layout[0] == nested[0] and layout[-2] == nested[1] and layout[1:] == nested[1:]
    assert len(layout) == 3 and not Layout.of(())
    with pytest.raises(IndexError):
        layout[3]


def test_problems_travel_small_and_whole():
    problem = replace(tiny_problem(), incumbent=((1.0, 0.0),) * 3, bound=0.7)
    assert problem.incidence.shape == (6, 4)
    again = pickle.loads(pickle.dumps(problem))
    assert "incidence" not in vars(again)
    assert again.paths.nested() == problem.paths.nested()
    assert again.incumbent == problem.incumbent and again.bound == 0.7
    for name in ("first", "demand", "start", "link"):
        before, after = getattr(problem.layout, name), getattr(again.layout, name)
        assert before.dtype == after.dtype == np.int64 and before.tolist() == after.tolist()
    many = replace(problem, paths=[problem.paths[0] * 300] * 3, incumbent=None)
    assert pickle.loads(pickle.dumps(many)).paths.nested() == many.paths.nested()
    assert len(pickle.dumps(many)) < 8 * len(many.layout.link)
