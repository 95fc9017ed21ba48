from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_controller.orchestration.performance import (
    MEMORY,
    PRIORS,
    TRUST,
    Observed,
    Performance,
    Prediction,
    quantile,
)
from qb_controller.orchestration.policy import NONE, decide, needless
from qb_controller.runtime.messages import Settings

FEATURES = {
    "demands": 132.0,
    "size": 132.0,
    "split": 0.0,
    "incumbent": 1.2,
    "bound": 0.9,
    "tried": 0.0,
}
FAST = Prediction("fast", "classical", 0.05, 0.06, 0.03, 9)
GOOD = Prediction("good", "classical", 0.30, 0.35, 0.01, 9)
COLD = Prediction("cold", "annealer", 0.10, 0.40, 0.02, 0)
SETTINGS = Settings()
NEVER = Observed(float("inf"), 0.4, float("inf"))


def test_the_best_that_is_in_time_is_chosen() -> None:
    assert decide(FEATURES, (FAST, GOOD, COLD), SETTINGS, 0.4).backend == "good"
    assert decide(FEATURES, (FAST, GOOD, COLD), SETTINGS, 0.2).backend == "cold"
    assert decide(FEATURES, (FAST, GOOD, COLD), SETTINGS, 0.06).backend == "fast"


def test_of_equals_the_quicker_is_chosen() -> None:
    same = replace(GOOD, gap=FAST.gap)
    assert decide(FEATURES, (same, FAST), SETTINGS, 0.4).backend == "fast"


def test_the_reason_says_what_it_rests_on() -> None:
    choice = decide(FEATURES, (FAST, GOOD, COLD), SETTINGS, 0.4)
    assert choice.reason == (
        "good is expected to place 132 demands on single paths within 1.0% of the bound in "
        "350 ms of the 400 ms left (from 9 runs); next best is cold with 2.0% in 400 ms"
    )
    assert "documented priors" in decide(FEATURES, (COLD,), SETTINGS, 0.4).reason


def test_refusals_are_kept_with_their_reasons() -> None:
    refusing = replace(COLD, refusal="the annealer worker is starting")
    choice = decide(FEATURES, (FAST, GOOD, refusing), SETTINGS, 0.2)
    by_name = {c.backend: c for c in choice.candidates}
    assert by_name["cold"].refusal == "the annealer worker is starting"
    assert by_name["good"].refusal == "would take 300 ms, 200 ms are left"
    assert by_name["fast"].refusal == "" and by_name["fast"].utility is not None


def test_forbidden_by_name_or_family() -> None:
    settings = Settings(forbidden=("good", "annealer"))
    choice = decide(FEATURES, (FAST, GOOD, COLD), settings, 0.4)
    assert choice.backend == "fast"
    all_out = decide(FEATURES, (FAST, GOOD), Settings(forbidden=("classical",)), 0.4)
    assert all_out.backend == NONE
    assert "forbidden by the operator" in all_out.reason


def test_a_pinned_backend_is_honoured_even_where_it_is_slow() -> None:
    settings = Settings(pinned_backend="good")
    assert decide(FEATURES, (FAST, GOOD), settings, 0.1).backend == "good"
    refused = decide(FEATURES, (FAST, replace(GOOD, refusal="too large")), settings, 0.4)
    assert refused.backend == NONE
    assert refused.reason == "good is pinned by the operator but cannot be asked: too large"
    unknown = decide(FEATURES, (FAST,), settings, 0.4)
    assert unknown.backend == NONE and "there are: fast" in unknown.reason


def test_without_time_no_worker_is_disturbed() -> None:
    for settings in (SETTINGS, Settings(pinned_backend="fast")):
        choice = decide(FEATURES, (FAST,), settings, -0.2)
        assert choice.backend == NONE and "only 0 ms" in choice.reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": 0.0}, "no traffic"),
        ({"incumbent": 0.03}, "3.0% full"),
        ({"bound": 1.19}, "at most 0.8% above"),
        ({"incumbent": 0.91}, "traffic moves only for 2%"),
        ({"tried": 1.0}, "a moment ago"),
    ],
)
def test_no_solver_is_called_without_need(change: dict[str, float], words: str) -> None:
    assert needless(FEATURES, SETTINGS) == ""
    assert words in needless({**FEATURES, **change}, SETTINGS)


def test_pinning_overrides_the_bound_but_not_silence() -> None:
    settings = Settings(pinned_backend="fast")
    assert needless({**FEATURES, "bound": 1.2}, settings) == ""
    assert needless({**FEATURES, "size": 0.0}, settings) != ""


@pytest.mark.parametrize("change", [{"deadline_s": 0.0}, {"min_gain": 1.0}, {"quiet_mlu": -0.1}])
def test_settings_out_of_range_are_refused(change: dict[str, float]) -> None:
    (name,) = change
    with pytest.raises(ValueError, match=name):
        Settings(**change)  # type: ignore[arg-type]


def test_predictions_start_from_priors_and_end_with_measurements() -> None:
    performance = Performance({"fast": "classical", "highs-lp": "classical"})
    (before, named) = performance.predict(100, False, 0.4, {})
    assert before.samples == 0 and before.gap == PRIORS["classical"].gap
    assert named.gap == PRIORS["highs-lp"].gap
    for _ in range(TRUST):
        performance.observe("fast", 100, False, 0.4, Observed(0.2, 0.3, 0.005))
    (after, _) = performance.predict(120, False, 0.4, {})
    assert (after.samples, after.time_s, after.busy_s, after.gap) == (TRUST, 0.2, 0.3, 0.005)
    (other, _) = performance.predict(120, True, 0.4, {})
    assert other.samples == 0


def test_old_outcomes_are_forgotten() -> None:
    performance = Performance({"fast": "classical"})
    for _ in range(MEMORY):
        performance.observe("fast", 100, False, 0.4, Observed(9.0, 9.0, 0.5))
    for _ in range(MEMORY):
        performance.observe("fast", 100, False, 0.4, Observed(0.1, 0.4, 0.01))
    (now,) = performance.predict(100, False, 0.4, {})
    assert (now.time_s, now.gap) == (0.1, 0.01)


def test_a_backend_that_keeps_missing_its_deadline_is_left_alone() -> None:
    performance = Performance({"late": "annealer"})
    for _ in range(5):
        performance.observe("late", 100, False, 0.4, NEVER)
    predictions = performance.predict(100, False, 0.4, {})
    choice = decide(FEATURES, predictions, SETTINGS, 0.4)
    assert choice.backend == NONE
    assert "for ever" in choice.reason


def test_unknown_backends_and_gaps_are_not_learnt() -> None:
    performance = Performance({"fast": "classical"})
    performance.observe("gone", 100, False, 0.4, Observed(0.1, 0.1, 0.1))
    performance.observe("fast", 100, False, 0.4, Observed(0.1, 0.1, float("nan")))
    assert performance.predict(100, False, 0.4, {})[0].samples == 0


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=30), st.floats(0.01, 1.0))
def test_quantile(values: list[float], share: float) -> None:
    got = quantile(values, share)
    assert got in values
    assert sum(v <= got for v in values) >= share * len(values) - 1e-9
