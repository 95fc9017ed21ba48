import copy
import itertools
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qb_controller.applications import wireless
from qb_controller.applications.wireless_control import with_users
from qb_controller.applications.wireless_radio import air_of, overlap, path_loss_db, quality
from qb_controller.applications.wireless_scenario import as_mapping, evolve, generate, read
from qb_controller.errors import InputError, VerificationError
from qb_controller.model.radio import AccessPoint, Configuration, Scenario, Station
from quantum_backends.choice_search import settled_greedy
from quantum_backends.solution import Solution


def by_hand(scenario, configuration):
    """Interference by the definition, one station and one interferer at a time."""
    loss, air = path_loss_db(scenario), air_of(scenario)
    total = sum(s.demand_bps for s in scenario.stations)
    share = overlap(scenario)
    index = {number: i for i, number in enumerate(scenario.channels)}
    found = 0.0
    for s, station in enumerate(scenario.stations):
        mine = configuration.users[s]
        for other, point in enumerate(scenario.access_points):
            if other == mine or other not in configuration.users:
                continue
            common = share[
                index[configuration.channels[other]], index[configuration.channels[mine]]
            ]
            power = point.power_dbm - loss[other, s]
            own = scenario.access_points[mine].power_dbm - loss[mine, s]
            found += station.demand_bps / total * common * min(1.0, 10 ** ((power - own) / 10))
    assert air.demand.sum() == pytest.approx(1)
    return found


@given(st.integers(2, 12), st.integers(1, 5), st.integers(0, 10**4), st.booleans())
@settings(max_examples=30, deadline=None)
def test_interference_is_its_definition_and_the_problem_is_exact(points, channels, seed, wide):
    scenario = generate(points, channels, seed)
    if wide:  # overlapping channels of 2.4 GHz
        scenario = replace(scenario, band="2.4GHz", channels=tuple(range(1, channels + 1)))
    air = air_of(scenario)
    users = wireless.users_now(scenario, air)
    task = wireless.formulate(scenario, air, users)
    rng = np.random.default_rng(seed)
    answer = tuple(rng.integers(channels, size=points).tolist())
    claimed = Solution(answer, task.problem.value(answer), "drawn", 0.0)
    found = wireless.verify(task, claimed)
    configuration = wireless.interpret(task, claimed)
    assert found.interference == pytest.approx(by_hand(scenario, configuration), rel=1e-5)
    slack = task.left_out + 1e-5 * found.interference
    assert abs(claimed.value - found.interference) <= slack + 1e-12


def test_a_false_claim_is_caught():
    scenario = generate(8, 2, 1)
    air = air_of(scenario)
    task = wireless.formulate(scenario, air, wireless.users_now(scenario, air))
    answer = settled_greedy(task.problem)
    value = task.problem.value(answer)
    wireless.verify(task, Solution(answer, value, "honest", 0.0))
    with pytest.raises(VerificationError, match="claims an interference"):
        wireless.verify(task, Solution(answer, value * 0.9, "liar", 0.0))
    with pytest.raises(VerificationError, match="answer\\[0\\]"):
        wireless.verify(task, Solution((7, *answer[1:]), value, "broken", 0.0))


def test_two_neighbours_take_two_channels():
    points = (AccessPoint("a", (0, 0), 20.0), AccessPoint("b", (10, 0), 20.0))
    stations = (Station("x", (1, 0), 1e6, 0), Station("y", (9, 0), 1e6, 1))
    scenario = Scenario("two", "5GHz", (36, 40), 20e6, "indoor-office", points, stations, -94)
    air = air_of(scenario)
    task = wireless.formulate(scenario, air, (0, 1))
    best = settled_greedy(task.problem)
    assert best[0] != best[1] and task.problem.value(best) == 0


def test_leaving_a_channel_costs_the_share_of_the_access_point():
    scenario = generate(6, 3, 2)
    points = tuple(replace(p, channel=scenario.channels[0]) for p in scenario.access_points)
    scenario = replace(scenario, access_points=points, change_cost=0.5)
    air = air_of(scenario)
    users = wireless.users_now(scenario, air)
    task = wireless.formulate(scenario, air, users)
    stay = task.problem.unary[task.problem.flat((0,) * 6)].sum()
    leave = task.problem.unary[task.problem.flat((1,) * 6)].sum()
    assert stay == 0 and leave == pytest.approx(0.5)  # all the demand there is
    assert task.problem.incumbent == (0,) * 6


def test_users_move_only_to_raise_the_utility():
    for seed in range(5):
        scenario = generate(12, 3, seed, crowd=5)
        air = air_of(scenario)
        users = tuple(np.random.default_rng(seed).integers(12, size=60).tolist())
        before = Configuration((36,) * 12, users)
        after = wireless.reassociate(scenario, air, before)
        assert quality(scenario, air, after).utility > quality(scenario, air, before).utility


def test_overlap_of_channels():
    scenario = replace(generate(2, 1, 0), band="2.4GHz", channels=(1, 2, 5, 6))
    assert overlap(scenario)[0].tolist() == [1.0, 0.75, 0.0, 0.0]


def test_evolution_keeps_who_and_where_the_walls_are():
    scenario = generate(5, 3, 0)
    later = evolve(scenario, np.random.default_rng(0))
    assert later.access_points == scenario.access_points and later.seed == scenario.seed
    assert later.stations != scenario.stations


GOOD = as_mapping(generate(3, 2, 1))


def test_scenarios_survive_the_file():
    assert as_mapping(read(copy.deepcopy(GOOD), "f")) == GOOD


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda d: d["access_points"][1].update(power_dbm=-3), "access_points[1]: power_dbm"),
        (lambda d: d.update(channels=[]), "channels: there must be at least one"),
        (lambda d: d.update(channels=[36, 37]), "channels[1]: 37 is no channel of 5GHz"),
        (lambda d: d.update(access_points=[]), "access_points: there must be at least one"),
        (lambda d: d.update(access_points=[], stations=[{}] * 1000), "access_points"),
        (lambda d: d["stations"][0].update(access_point="ghost"), "stations[0]: access_point"),
        (lambda d: d["stations"][2].update(demand_mbps="much"), "stations[2]: demand_mbps"),
        (lambda d: d["stations"][2].update(demand_mbps=0), "stations[2]: demand_mbps"),
        (lambda d: d["stations"][0].update(x=float("nan")), "stations[0]: x"),
        (lambda d: d["stations"][0].pop("x"), "stations[0]: x: is missing"),
        (lambda d: d["stations"][2].update(demand_mbps=1e305), "stations[2]: demand_mbps"),
        (lambda d: d["stations"][0].update(x=10**400), "stations[0]: x: inf is not finite"),
        (lambda d: d.update(width_mhz=1e308), "width_mhz: 1e+308 is outside"),
        (lambda d: d.update(seed=-1), "seed: want a whole number from 0"),
        (lambda d: d.update(path_loss_db=[[10**400] * 12] * 3), "path_loss_db[0][0]: inf"),
        (lambda d: d.update(bandd="5GHz"), "unknown key 'bandd'"),
        (lambda d: d.update(band="60GHz"), "band: '60GHz'"),
        (lambda d: d.update(path_loss_db=[[1.0]]), "path_loss_db: 1 rows for 3"),
        (lambda d: d["access_points"][0].update(channel=149), "access_points[0]: channel"),
        (lambda d: d["access_points"][0].update(name="ap2"), "access_points[1]: name"),
    ],
)
def test_bad_scenarios_are_named_by_field(change, field):
    data = copy.deepcopy(GOOD)
    change(data)
    with pytest.raises(InputError) as caught:
        read(data, "office.yaml")
    assert field in str(caught.value) and str(caught.value).startswith("office.yaml")


def test_a_scenario_that_is_no_mapping():
    with pytest.raises(InputError, match="want a mapping"):
        read([1, 2], "f")


def test_utility_comes_near_the_best_of_all_configurations():
    """Against brute force over channels and users; gaps are in ln(rate)."""
    gaps, alone = [], []
    for seed in range(8):
        scenario = generate(3, 2, seed, crowd=2)
        scenario = replace(scenario, stations=scenario.stations[:5])
        air = air_of(scenario)
        best = max(
            quality(scenario, air, Configuration(channels, users)).utility
            for channels in itertools.product(scenario.channels, repeat=3)
            for users in itertools.product(range(3), repeat=5)
        )
        task = wireless.formulate(scenario, air, wireless.users_now(scenario, air), "utility")
        first = wireless.interpret(task, Solution(settled_greedy(task.problem), 0.0, "x", 0.0))
        found = quality(scenario, air, first)
        _, after = with_users(task, first, found, time.monotonic() + 5)
        assert found.utility <= after.utility <= best + 1e-9
        gaps.append(best - after.utility)
        alone.append(best - found.utility)
    assert np.mean(gaps) < 0.15
    assert np.mean(gaps) < np.mean(alone) / 2


def test_utility_is_higher_than_that_of_the_least_interference():
    scenario = generate(30, 3, 1)
    air = air_of(scenario)
    users = wireless.users_now(scenario, air)
    found = {}
    for objective in wireless.OBJECTIVES:
        task = wireless.formulate(scenario, air, users, objective)
        first = wireless.interpret(task, Solution(settled_greedy(task.problem), 0.0, "x", 0.0))
        found[objective] = quality(scenario, air, first)
        if objective == "utility":
            _, found[objective] = with_users(task, first, found[objective], time.monotonic() + 5)
    assert found["utility"].utility > found["interference"].utility + 0.1
