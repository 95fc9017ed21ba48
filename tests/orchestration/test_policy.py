from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_controller.model.decision import Candidate
from qb_controller.orchestration.performance import Prediction
from qb_controller.orchestration.policy import (
    BUDGET_SHARES,
    LEAST_S,
    NONE,
    Choice,
    Spent,
    budgets,
    decide,
    needless,
    utility,
)
from qb_controller.orchestration.wording import nobody
from qb_controller.runtime.messages import Settings
from qb_controller.runtime.task import Worth
from quantum_backends.device_table import processor
from quantum_backends.devices import READY, UNKNOWN, Device, Price, Status
from tests.orchestration.forecasts import INCUMBENT_GAP, devices, forecast, prediction, refusing

FEATURES = {
    "size": 132.0,
    "demands": 132.0,
    "split": 0.0,
    "incumbent": 1.3,
    "bound": 1.0,
    "tried": 0.0,
    "allowed_s": 0.4,
}
FAST = prediction("fast", 0.05, 0.03)
GOOD = prediction("good", 0.35, 0.01)
COLD = prediction("cold", 0.15, 0.02, "annealer")
ALL = (FAST, GOOD, COLD)
SETTINGS = Settings()
NOW = 1000.0


def choose(
    predictions: Sequence[Prediction] = ALL,
    allowed: float = 0.4,
    settings: Settings = SETTINGS,
    known: dict[str, Device] | None = None,
    **more: Any,
) -> Choice:
    """Decide; hand-made forecasts keep their own budgets, whatever is allowed."""
    found = known or devices(*predictions)
    return decide({**FEATURES, "allowed_s": allowed}, predictions, found, NOW, settings, **more)


def at(allowed: float) -> tuple[Prediction, ...]:
    """The three with the budgets that so much time leaves."""
    some = budgets(allowed)
    return (
        prediction("fast", 0.05, 0.03, budgets=some),
        prediction("good", 0.35, 0.01, budgets=some),
        prediction("cold", 0.15, 0.02, "annealer", budgets=some),
    )


def test_the_best_that_is_in_time_is_chosen() -> None:
    for allowed, backend in ((0.4, "good"), (0.2, "cold"), (0.06, "fast")):
        assert choose(at(allowed), allowed).backend == backend


def test_of_equals_the_quicker_is_chosen() -> None:
    same = prediction("good", 0.35, 0.03)
    assert choose((same, FAST)).backend == "fast"


def test_no_more_time_is_given_than_pays() -> None:
    """The same gap after 60 ms as after 400: the rest of the time buys nothing."""
    flat = Prediction(
        "flat", "classical", forecasts=tuple(forecast(b, 0.01, 0.02, busy=b) for b in budgets(0.4))
    )
    choice = choose((flat,))
    assert choice.budget_s == pytest.approx(BUDGET_SHARES[-1] * 0.4)


def test_the_reason_says_what_it_rests_on() -> None:
    assert choose().reason == (
        "good is expected to place 132 demands on single paths within 1.0% of the bound in "
        "350 ms of the 400 ms left (from 9 like runs); next best is cold with 2.0% in 150 ms"
    )
    untried = Prediction(
        "new", "classical", forecasts=(forecast(0.4, 0.1, 0.01)._replace(weight=0.0),)
    )
    assert "documented priors" in choose((untried,)).reason


@pytest.mark.parametrize(
    ("form", "size", "said"),
    [
        ("schedule", 12, "schedule 12 requests"),
        ("packing", 1, "decide on 1 request "),
        ("choices", 25, "choose for 25 groups"),
        ("bqm", 100, "set 100 bits"),
        ("flow", 90, "carry 90 demands"),
        ("program", 7, "set 7 variables"),
    ],
)
def test_the_reason_names_the_task_in_the_words_of_its_form(
    form: str, size: int, said: str
) -> None:
    seen = {key: value for key, value in FEATURES.items() if key != "demands"}
    seen |= {"size": float(size), "allowed_s": 0.4}
    assert f"is expected to {said}" in decide(
        seen, ALL, devices(*ALL), NOW, SETTINGS, form=form
    ).reason  # fmt: skip


def test_refusals_are_kept_with_their_reasons() -> None:
    starting = refusing("cold", "the annealer worker is starting", "annealer")
    choice = choose((*at(0.2)[:2], starting), 0.2)
    by_name = {c.backend: c for c in choice.candidates}
    assert by_name["cold"].refusal == "the annealer worker is starting"
    assert by_name["good"].refusal == "would take 350 ms, 200 ms are left"
    assert by_name["fast"].refusal == "" and by_name["fast"].utility is not None


def test_forbidden_by_name_family_or_application() -> None:
    assert choose(settings=Settings(forbidden=("good", "annealer"))).backend == "fast"
    all_out = choose(settings=Settings(forbidden=("classical", "annealer")))
    assert all_out.backend == NONE and "forbidden by the operator" in all_out.reason
    mine = Settings(forbidden=("te:good",))
    assert choose(settings=mine, application="te").backend == "cold"
    assert choose(settings=mine, application="slices").backend == "good"


def test_a_pinned_backend_is_honoured_even_where_it_is_slow() -> None:
    settings = Settings(pinned_backend="good")
    choice = choose(at(0.1), 0.1, settings)
    assert (choice.backend, choice.budget_s) == ("good", 0.1)
    refused = choose((FAST, refusing("good", "too large")), settings=settings)
    assert refused.backend == NONE
    assert refused.reason == "good is pinned by the operator but cannot be asked: too large"
    unknown = choose((FAST,), settings=settings)
    assert unknown.backend == NONE and "there are: fast" in unknown.reason


def test_without_time_no_worker_is_disturbed() -> None:
    for settings in (SETTINGS, Settings(pinned_backend="fast")):
        choice = choose(allowed=-0.2, settings=settings)
        assert choice.backend == NONE and "only 0 ms" in choice.reason


def test_what_costs_more_than_it_gains_is_left_alone() -> None:
    slight = (prediction("slight", 0.39, INCUMBENT_GAP - 0.001),)
    choice = choose(slight)
    assert choice.backend == NONE and "gain more than it costs" in choice.reason
    without = {key: value for key, value in FEATURES.items() if key != "incumbent"}
    anything = decide(without, slight, devices(*slight), NOW, SETTINGS)
    assert anything.backend == "slight"  # nothing is there that could stay


def test_the_risk_of_being_late_is_kept() -> None:
    risky = Prediction("risky", "classical", forecasts=(forecast(0.4, 0.1, 0.0, late=0.05),))
    assert choose((risky, FAST)).backend == "risky"
    assert choose((risky, FAST), settings=Settings(late_risk=0.04)).backend == "fast"


@pytest.mark.parametrize(
    "status",
    [
        Status(UNKNOWN, "not asked yet"),
        Status(READY, asked_at=NOW - 61),
        Status(READY),  # never asked
    ],
)
def test_a_device_of_unknown_or_stale_status_is_left_alone(status: Status) -> None:
    device = replace(processor("good"), status=status, fresh_s=60.0)
    choice = choose(known=devices(*ALL, good=device))
    assert choice.backend == "cold"
    refusal = {c.backend: c.refusal for c in choice.candidates}["good"]
    assert refusal == device.abstain(NOW) != ""
    fresh = replace(device, status=Status(READY, asked_at=NOW - 59))
    assert choose(known=devices(*ALL, good=fresh)).backend == "good"


def test_limits_on_energy_and_money_are_kept() -> None:
    price = Price(2.0, "USD", "a list", "2026-01")
    dear = devices(*ALL, good=replace(processor("good"), price=price))
    assert choose(known=dear).backend == "good"
    limit = Settings(money_per_hour=1.0)
    assert choose(known=dear, settings=limit, spent=Spent(money=0.2)).backend == "good"
    broke = choose(known=dear, settings=limit, spent=Spent(money=0.5))
    assert broke.backend == "cold"
    assert "0.5 of the 1 allowed" in {c.backend: c.refusal for c in broke.candidates}["good"]
    tired = choose(settings=Settings(energy_per_hour_j=0.1))
    assert tired.backend == NONE and "J" in tired.reason


def test_energy_and_money_have_a_price() -> None:
    assert choose(worth=Worth(energy=10.0)).backend == "fast"
    price = Price(2.0, "USD", "a list", "2026-01")
    dear = devices(*ALL, good=replace(processor("good"), price=price))
    assert choose(known=dear, worth=Worth(price=5.0)).backend == "cold"


def test_a_second_backend_races_where_it_pays_and_a_core_is_free() -> None:
    wide = forecast(0.4, 0.2, 0.05)._replace(gap10=0.0, gap90=0.15)
    one = Prediction("one", "classical", forecasts=(wide,))
    two = Prediction("two", "annealer", forecasts=(wide._replace(gap50=0.06),))
    assert choose((one, two), spare=1).hedge == "two"
    assert choose((one, two), spare=0).hedge == ""
    assert choose((one, two._replace(family="classical")), spare=1).hedge == ""
    assert choose((one, two), spare=1, worth=Worth(quality=0.01)).hedge == ""
    assert "two races it" in choose((one, two), spare=1).reason
    alone = Settings(energy_per_hour_j=1.0)  # enough for one of them, at 3.75 W for 200 ms
    assert choose((one, two), spare=1, settings=alone).hedge == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": 0.0}, "no traffic"),
        ({"incumbent": 0.03}, "3.0% full"),
        ({"bound": 1.29}, "at most 0.8% above"),
        ({"incumbent": 1.005, "bound": 1.0}, "traffic moves only for 1%"),
        ({"tried": 1.0}, "a moment ago"),
    ],
)
def test_no_solver_is_called_without_need(change: dict[str, float], words: str) -> None:
    assert needless(FEATURES, SETTINGS) == ""
    assert words in needless({**FEATURES, **change}, SETTINGS)


def test_pinning_overrides_the_bound_but_not_silence() -> None:
    settings = Settings(pinned_backend="fast")
    assert needless({**FEATURES, "bound": 1.3}, settings) == ""
    assert needless({**FEATURES, "size": 0.0}, settings) != ""


@pytest.mark.parametrize(
    "change",
    [
        {"deadline_s": 0.0},
        {"min_gain": 1.0},
        {"quiet_mlu": -0.1},
        {"late_risk": 1.0},
        {"money_per_hour": -1.0},
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, float]) -> None:
    (name,) = change
    with pytest.raises(ValueError, match=name):
        Settings(**change)  # type: ignore[arg-type]


# -- properties --------------------------------------------------------------------------------

TIMES = st.floats(0.001, 2.0)
GAPS = st.floats(0.0, 0.28)
ARMS = st.lists(st.tuples(TIMES, GAPS, st.sampled_from(["classical", "annealer"])), max_size=6)


def arms(drawn: Sequence[tuple[float, float, str]], allowed: float) -> tuple[Prediction, ...]:
    some = budgets(allowed)
    return tuple(
        prediction(f"b{i}", time, gap, family, some) for i, (time, gap, family) in enumerate(drawn)
    )


@given(ARMS, TIMES, GAPS, st.floats(1.05, 3.0), st.floats(0.005, 0.1))
def test_a_dominated_backend_is_never_chosen(
    drawn: list[tuple[float, float, str]], time: float, gap: float, slower: float, worse: float
) -> None:
    better = prediction("better", time, gap, budgets=budgets(1.0))
    dominated = prediction("dominated", time * slower, gap + worse, budgets=budgets(1.0))
    assert choose((dominated, *arms(drawn, 1.0), better), 1.0).backend != "dominated"


def test_short_deadlines_are_decided_with_less_ado() -> None:
    assert budgets(0.1) == (0.1,) and len(budgets(0.4)) == len(BUDGET_SHARES)


@given(ARMS, st.floats(LEAST_S, 1.0), st.floats(1.0, 5.0))
def test_more_time_never_makes_the_choice_worse(
    drawn: list[tuple[float, float, str]], allowed: float, longer: float
) -> None:
    """Each backend answers after a fixed time with a fixed gap, whatever it is given."""

    def gap(time_left: float) -> float:
        choice = choose(arms(drawn, time_left), time_left)
        best = [c for c in choice.candidates if c.backend == choice.backend]
        return best[0].gap or 0.0 if best else INCUMBENT_GAP

    # The time used up costs at most worth.early, so that much of the gap may be given up for it.
    assert gap(allowed * longer) <= gap(allowed) + Worth().early / 100


@given(st.lists(st.tuples(TIMES, GAPS, st.floats(0, 1)), max_size=6), st.floats(0, 0.99))
def test_nothing_riskier_than_allowed_is_chosen(
    drawn: list[tuple[float, float, float]], risk: float
) -> None:
    predictions = tuple(
        Prediction(f"b{i}", "classical", forecasts=(forecast(1.0, t, g, late=late),))
        for i, (t, g, late) in enumerate(drawn)
    )
    choice = choose(predictions, 1.0, Settings(late_risk=risk))
    if choice.backend != NONE:
        chosen = next(c for c in choice.candidates if c.backend == choice.backend)
        assert chosen.forecast.late <= risk


@given(ARMS, st.floats(0.02, 2.0))
def test_the_order_of_the_backends_does_not_matter(
    drawn: list[tuple[float, float, str]], allowed: float
) -> None:
    predictions = arms(drawn, allowed)
    forth, back = choose(predictions, allowed), choose(predictions[::-1], allowed)
    assert (forth.backend, forth.budget_s) == (back.backend, back.budget_s)


def test_utility_counts_percents_seconds_joules_and_money() -> None:
    worth = Worth(quality=2.0, early=0.5, energy=0.1, price=3.0)
    assert utility(worth, 0.04, 0.5, 10.0, 0.2) == pytest.approx(8.0 - 0.25 - 1.0 - 0.6)
    assert utility(worth, 0.0, 7.0, 0.0, 0.0) == pytest.approx(-0.5)


def test_a_reason_that_many_share_is_said_once() -> None:
    names = {"the classical worker is starting": ("a", "b", "c"), "too large": ("d",),
             "it takes problems of flow, not of packing": ("e",),
             "it takes problems of routing, not of packing": ("f", "g")}  # fmt: skip
    candidates = [
        Candidate(name, "classical", refusal=why)
        for why, several in names.items()
        for name in several
    ]
    assert nobody(candidates) == (
        "no backend can be asked: the classical worker is starting (3 backends), made for other "
        "problems (3 backends), too large (d)"
    )
    assert nobody([]) == "no backend can be asked: there is none"
