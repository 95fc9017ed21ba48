from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qb_controller.orchestration.memory import CELL_ROWS, ROWS
from qb_controller.orchestration.outcomes import LIVE, Outcomes, Row, teach
from qb_controller.orchestration.performance import (
    LATE_FACTOR,
    Outcome,
    Performance,
    gap_of,
    incumbent_gap,
    kind_of,
)
from qb_controller.orchestration.priors import SINGLE, prior

FEATURES = {
    "size": 100.0,
    "choices": 300.0,
    "split": 0.0,
    "bound": 1.0,
    "incumbent": 1.3,
    "gap": 0.3,
    "elephants": 0.5,
    "density": 0.05,
    "allowed_s": 0.4,
}
NEVER = Outcome(float("inf"), 0.4, float("nan"))


def model(*names: str) -> Performance:
    return Performance(dict.fromkeys(names or ("fast",), "classical"))


def one(performance: Performance, budget: float = 0.4, **changed: float):  # type: ignore[no-untyped-def]
    (prediction,) = performance.predict("routing", {**FEATURES, **changed}, (budget,), {})
    (forecast,) = prediction.forecasts
    return forecast


def learn(performance: Performance, outcome: Outcome, times: int = 1, **changed: float) -> None:
    for _ in range(times):
        performance.observe("fast", {**FEATURES, **changed}, outcome, "routing")


def test_it_starts_from_documented_expectations() -> None:
    performance = model("fast", "cp-sat")
    fast, named = (p.forecasts[0] for p in performance.predict("routing", FEATURES, (0.4,), {}))
    expected = prior("routing/single", "fast", "classical").expect(100.0, 0.4)
    assert fast.weight == 0 and fast.time50_s == pytest.approx(expected[0])
    assert fast.gap50 == pytest.approx(expected[2])
    assert fast.gap10 < fast.gap50 < fast.gap90 and fast.time50_s < fast.time90_s
    again = SINGLE["cp-sat"].expect(100.0, 0.4)
    assert named.gap50 == pytest.approx(again[2])


def test_it_ends_with_what_was_measured() -> None:
    performance = model()
    learn(performance, Outcome(0.2, 0.3, 0.005), CELL_ROWS)
    near = one(performance)
    assert near.time50_s == pytest.approx(0.2) and near.busy_s == pytest.approx(0.3)
    assert near.gap50 == pytest.approx(0.005) and near.weight > 10
    assert near.gain == pytest.approx(0.3 - 0.005, abs=0.01)
    far = one(performance, size=1e5, choices=3e5)
    assert far.weight < 0.01


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_quantiles_are_calibrated_where_outcomes_scatter(share: float) -> None:
    """Of outcomes never seen, the predicted share lies below the predicted quantile."""
    rng = np.random.default_rng(4)
    performance = model()

    def draw() -> tuple[dict[str, float], Outcome]:
        size = float(rng.uniform(60, 160))
        gap = 0.01 * rng.lognormal(0, 0.6)
        return {"size": size}, Outcome(2e-4 * size * rng.lognormal(0, 0.4), 0.4, gap)

    below = []
    for turn in range(700):  # told first, learnt then: some fourteen outcomes weigh at a time
        changed, outcome = draw()
        forecast = one(performance, **changed)
        if turn >= 100:
            below.append(outcome.gap <= getattr(forecast, f"gap{round(100 * share)}"))
        learn(performance, outcome, **changed)
    assert np.mean(below) == pytest.approx(share, abs=0.06)


def test_a_drift_is_followed_within_two_dozen_outcomes() -> None:
    rng = np.random.default_rng(5)
    performance = model()
    for _ in range(200):
        learn(performance, Outcome(0.02 * rng.lognormal(0, 0.2), 0.4, 0.01))
    assert one(performance).late < 0.01
    for _ in range(24):  # the device became twenty times slower
        learn(performance, Outcome(0.5 * rng.lognormal(0, 0.2), 0.4, 0.01))
    after = one(performance)
    assert after.time50_s == pytest.approx(0.5, rel=0.2) and after.late > 0.5
    assert one(performance, budget=2.0).late < 0.1


def test_what_was_done_early_counts_for_longer_budgets_too() -> None:
    performance = model()
    learn(performance, Outcome(0.02, 0.03, 0.005), 6, allowed_s=0.1)
    assert one(performance, budget=5.0).weight == pytest.approx(one(performance, 0.1).weight)
    assert one(performance, budget=0.004).weight < 1
    stopped = model()
    learn(stopped, Outcome(0.02, 0.1, 0.005), 6, allowed_s=0.1)
    assert one(stopped, budget=5.0).weight < 0.1


def test_what_is_known_of_one_size_survives_many_outcomes_of_another() -> None:
    performance = model()
    learn(performance, Outcome(0.5, 0.6, 0.02), 6, size=3000.0)
    learn(performance, Outcome(0.02, 0.4, 0.01), 3 * ROWS, size=100.0)
    assert one(performance, size=3000.0).time50_s == pytest.approx(0.5, rel=0.3)


def test_a_backend_that_never_answers_is_expected_late() -> None:
    performance = model()
    learn(performance, NEVER, 12)
    assert one(performance).late > 0.8
    assert one(performance, budget=10 * LATE_FACTOR * 0.4).late < 0.2


def test_formulations_and_kinds_are_kept_apart() -> None:
    performance = model()
    learn(performance, Outcome(0.2, 0.3, 0.005), 10)
    assert one(performance, split=1.0).weight == 0
    assert one(performance, bound=0.0).weight == 0
    arms = (("fast", "hot-12"),)
    whole, part = performance.predict("routing", FEATURES, (0.4,), {}, arms)
    assert (part.formulation, part.forecasts[0].weight) == ("hot-12", 0)
    assert whole.forecasts[0].weight > 1


def test_refused_backends_are_not_predicted() -> None:
    (prediction,) = model().predict("routing", FEATURES, (0.4,), {"fast": "too large"})
    assert (prediction.refusal, prediction.forecasts) == ("too large", ())


def test_outcomes_of_unknown_backends_are_passed_over() -> None:
    performance = model()
    performance.observe("gone", FEATURES, NEVER, "routing")
    assert performance.counts() == {}


def test_gaps_are_relative_to_the_bound_else_to_the_incumbent() -> None:
    assert gap_of(1.1, FEATURES) == pytest.approx(0.1)
    unbounded = {**FEATURES, "bound": 0.0}
    assert gap_of(0.65, unbounded) == pytest.approx(0.5)
    assert incumbent_gap(unbounded) == 1.0 and incumbent_gap(FEATURES) == pytest.approx(0.3)
    assert incumbent_gap({"size": 1.0, "bound": 0.0}) == 1.0
    assert kind_of("routing", unbounded) == "routing/single/unbounded"
    assert kind_of("choices", {"bound": 1.0}) == "choices"


def test_the_model_is_what_its_file_says(tmp_path: Path) -> None:
    live, outcomes = model(), Outcomes(tmp_path)
    rng = np.random.default_rng(1)
    for i in range(40):
        outcome = NEVER if i % 7 == 0 else Outcome(rng.uniform(0.01, 0.3), 0.4, rng.uniform(0, 0.1))
        features = {**FEATURES, "size": float(rng.integers(20, 400)), "unheard_of": 1.0}
        live.observe("fast", features, outcome, "routing")
        outcomes.add(Row(float(i), LIVE, "routing", "fast", features, outcome))
    outcomes.close()
    again = model()
    teach(again, Outcomes(tmp_path))
    assert again.counts() == live.counts() != {}
    assert one(again) == one(live)


def test_sources_of_outcomes_can_be_found_and_forgotten(tmp_path: Path) -> None:
    outcomes = Outcomes(tmp_path)
    for source in ("calibration:a", "calibration:b", LIVE):
        outcomes.add(Row(0.0, source, "routing", "fast", FEATURES, NEVER))
    assert outcomes.has("calibration:a") and not outcomes.has("calibration:c")
    assert outcomes.forget("calibration") == 2
    assert [row.source for row in outcomes] == [LIVE]


@pytest.mark.parametrize(
    "kind", ["routing/single/unbounded", "choices/unbounded", "bqm/unbounded", "schedule/unbounded"]
)
@pytest.mark.parametrize("backend", ["local-search", "sa-blocks", "third-party"])
def test_without_a_bound_some_gain_over_the_incumbent_is_expected(kind: str, backend: str) -> None:
    *_, gap = prior(kind, backend, "annealer").expect(100.0, 1.0)
    assert 0.5 < gap < 1


def test_of_large_models_of_bits_annealing_is_expected_to_leave_least() -> None:
    left = {
        name: prior("bqm/unbounded", name, "annealer").expect(600.0, 0.3)[2]
        for name in ("sa-qubo", "tabu-qubo", "descent-qubo", "third-party")
    }
    assert min(left, key=left.__getitem__) == "sa-qubo"
    assert left["tabu-qubo"] > 1.1 * left["sa-qubo"]
