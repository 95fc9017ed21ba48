"""Admission: which requests get in, and where, on networks small enough to know."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qb_controller.applications.slice_bound import upper_bound
from qb_controller.applications.slice_reasons import reasons
from qb_controller.applications.slices import SliceTask, formulate, interpret
from qb_controller.applications.verify_slices import verify
from qb_controller.model.network import LinkId
from qb_controller.model.slices import Ends
from quantum_backends.packing_search import density_greedy
from quantum_backends.registry import BACKENDS
from quantum_backends.solver import Budget
from tests.applications.slice_networks import (
    MBIT,
    by_name,
    diamond,
    hose,
    pipe,
    ring,
    switches,
    with_hosts,
    worlds,
)
from tests.orchestration.networks import network


def solved(task: SliceTask, backend: str = "exhaustive", seconds: float = 20.0):
    found = BACKENDS[backend].solve(task.problem, Budget(seconds), 1)
    task.problem.check(found.answer)
    return found.answer


def admitted(net, requests, running=(), share=1.0, **more):
    """Placements by name and reasons by name, by the oracle, verified."""
    task = formulate(net, requests, running, share=share, **more)
    answer = solved(task)
    plan = verify(interpret(task, answer, 7), net, 7, share)
    return by_name(plan.placements), reasons(task, answer)


def test_two_roads_are_shared_by_what_fits_on_them():
    requests = [pipe("a", 1, 4, 6, value=6), pipe("b", 1, 4, 6, value=5), pipe("c", 1, 4, 6)]
    placed, why = admitted(diamond(), requests)
    assert set(placed) == {"a", "b"}
    roads = {switches(placed[name].pipes[0].path) for name in "ab"}
    assert roads == {(1, 2, 4), (1, 3, 4)}
    held = placed["a"].held
    assert set(held.values()) == {6 * MBIT} and len(held) == 2
    assert "links are full" in why["c"]
    assert "has 4 Mbit/s left of 10 Mbit/s, needed are 6 Mbit/s" in why["c"]


def test_priority_counts_as_a_factor():
    requests = [pipe("a", 1, 4, 9, value=2), pipe("b", 1, 4, 9, value=1, priority=3)]
    only_road = with_hosts(network(((1, 2), (2, 4))), 1e-3)
    placed, _ = admitted(only_road, requests)
    assert set(placed) == {"b"}


def test_latency_keeps_to_the_quick_road_or_names_the_best_possible():
    net = diamond()
    slow = tuple(
        replace(link, delay=0.005) if 2 in (link.src, link.dst) else link for link in net.links
    )
    net = replace(net, links=slow)
    requests = [pipe("quick", 1, 4, 5, latency=0.003), pipe("quicker", 1, 4, 5, latency=0.001)]
    placed, why = admitted(net, requests)
    assert switches(placed["quick"].pipes[0].path) == (1, 3, 4)
    assert why == {
        "quicker": "no path from h1 to h4 within 1 ms: the best possible latency is 2 ms"
    }


def test_protection_holds_both_roads_or_says_that_there_is_but_one():
    placed, _ = admitted(diamond(), [pipe("safe", 1, 4, 5, protection="disjoint")])
    only = placed["safe"].pipes[0]
    assert {switches(only.path), switches(only.backup)} == {(1, 2, 4), (1, 3, 4)}
    assert set(placed["safe"].held.values()) == {5 * MBIT} and len(placed["safe"].held) == 4
    line = with_hosts(network(((1, 2), (2, 3))), 1e-3)
    placed, why = admitted(line, [pipe("safe", 1, 3, 5, protection="disjoint")])
    assert not placed
    assert why["safe"] == "there are no two paths without a common cable from h1 to h3"


def test_the_disjoint_pair_is_found_where_the_shortest_path_bars_the_way():
    """The trap: 1-2-3-6 is shortest, yet both disjoint paths need a part of it."""
    cables = ((1, 2), (2, 3), (3, 6), (1, 4), (4, 3), (2, 5), (5, 6))
    net = with_hosts(network(cables), 1e-3)
    net = replace(
        net,
        links=tuple(
            replace(link, delay=0.004) if {4, 5} & {link.src, link.dst} else link
            for link in net.links
        ),
    )
    placed, _ = admitted(net, [pipe("safe", 1, 6, 1, protection="disjoint")])
    two = placed["safe"].pipes[0]
    assert {switches(two.path), switches(two.backup)} == {(1, 2, 5, 6), (1, 4, 3, 6)}


def test_a_hose_holds_the_lesser_of_both_sides():
    """A star: three leaves of 4 out and 4 in each; a leaf's cable never carries more than 4."""
    star = with_hosts(network(((1, 2), (1, 3), (1, 4))), 1e-3)
    placed, _ = admitted(star, [hose("vpn", (2, 3, 4), 4, 4)])
    assert len(placed["vpn"].held) == 6
    assert set(placed["vpn"].held.values()) == {4 * MBIT}
    # Out 3 and in 5: towards a leaf two senders may send 6, the leaf takes 5.
    placed, _ = admitted(star, [hose("vpn", (2, 3, 4), 3, 5)])
    assert sorted(placed["vpn"].held.values()) == [3 * MBIT] * 3 + [5 * MBIT] * 3


def test_a_hose_may_run_on_a_tree_where_it_holds_least():
    """On a ring of four shortest paths use both directions of every cable; a tree needs three."""
    task = formulate(ring(4), [hose("vpn", (1, 2, 3, 4), 1, 1)], share=1.0)
    problem = task.problem
    by_option = np.asarray(problem.use.sum(axis=1)).ravel()[1:] / MBIT
    assert by_option.min() == 8  # 1, 2 and 1 on each cable of the line, in both directions
    cables = np.diff(problem.start)[1:]
    assert set(cables[by_option == 8]) == {6}


def test_links_of_its_own_are_nobody_elses_and_cut_nobody_off():
    net = ring(5)
    requests = [
        pipe("own", 1, 2, 1, back=1, isolation="links", value=9),
        pipe("other", 1, 2, 1, value=1),
        pipe("more", 4, 5, 1, isolation="links", value=1),
    ]
    placed, why = admitted(net, requests)
    assert switches(placed["own"].pipes[0].path) == (1, 2)
    assert placed["own"].private == placed["own"].links
    assert set(placed["own"].held.values()) == {10 * MBIT}
    assert switches(placed["other"].pipes[0].path) == (1, 5, 4, 3, 2)
    assert why == {
        "more": "no path from h4 to h5 of its own links that leaves the others connected"
    }


def test_what_runs_stays_and_moves_only_for_more():
    net = diamond()
    placed, _ = admitted(net, [pipe("old", 1, 4, 6, value=2)])
    old = placed["old"]
    there = switches(old.pipes[0].path)
    # A worthier one that fits beside it changes nothing.
    again, _ = admitted(net, [pipe("new", 1, 4, 6, value=50)], [old])
    assert again["old"] is old and switches(again["new"].pipes[0].path) != there
    # One that needs the very road makes it move; its number stays.
    middle = there[1]
    again, _ = admitted(net, [pipe("via", 1, middle, 8, latency=0.001, value=50)], [old])
    assert switches(again["old"].pipes[0].path) != there
    assert again["old"].number == old.number and again["old"].decision == 7
    # Not if it is worth less than the move costs, and never by putting it out.
    kept, why = admitted(net, [pipe("via", 1, middle, 8, latency=0.001, value=0.05)], [old])
    assert kept["old"] is old and "full" in why["via"]
    crowd = [pipe("big", 1, 4, 10, value=99), pipe("big2", 1, 4, 10, value=99)]
    kept, _ = admitted(net, crowd, [old])
    assert "old" in kept and len(kept) == 2


def test_what_has_lost_its_road_is_asked_for_anew_under_its_number():
    net = diamond()
    placed, _ = admitted(net, [pipe("old", 1, 4, 6)])
    old = placed["old"]
    gone = old.pipes[0].path.links[0]
    cut = replace(net, links=tuple(link for link in net.links if link.id != gone))
    task = formulate(cut, [], [old], share=1.0)
    assert task.lost == (old,) and not task.running
    again = by_name(interpret(task, solved(task), 8))
    assert again["old"].number == old.number and again["old"].decision == 8
    assert again["old"].pipes[0].path != old.pipes[0].path


def test_numbers_are_given_once():
    requests = [pipe(name, 1, 4, 1) for name in "abc"]
    task = formulate(diamond(), requests, share=1.0)
    placements = interpret(task, solved(task), numbers={"b": 2})
    assert {p.request.name: p.number for p in placements} == {"a": 1, "b": 2, "c": 3}


def test_reasons_for_what_can_never_be():
    net = replace(diamond(), links=tuple(x for x in diamond().links if 3 not in (x.src, x.dst)))
    requests = [pipe("far", 1, 3, 1), pipe("who", 1, 9, 1), pipe("huge", 1, 4, 20)]
    placed, why = admitted(net, requests)
    assert not placed
    assert why["far"] == "there is no path from h1 to h3"
    assert why["who"] == "host h9 is not in the network"
    assert why["huge"] == "it asks for 20 Mbit/s, no link on the way gives more than 10 Mbit/s"


def test_admission_has_a_price_that_the_worthless_do_not_pay():
    net = with_hosts(network(((1, 2),)), 1e-3)
    charge = {link.id: 1.0 / MBIT for link in net.links}
    requests = [pipe("poor", 1, 2, 2, value=1.9), pipe("rich", 1, 2, 2, value=2.1)]
    placed, why = admitted(net, requests, charge=charge)
    assert set(placed) == {"rich"} and "does not pay" in why["poor"]


def test_hosts_behind_one_switch_need_no_link():
    net = diamond()
    twin = replace(net.hosts[0], name="h1b", mac="00:00:00:00:01:01")
    net = replace(net, hosts=(*net.hosts, twin))
    request = replace(pipe("near", 1, 1, 50), pairs=(Ends("h1", "h1b"),))
    placed, _ = admitted(net, [request])
    assert placed["near"].pipes[0].path is None and placed["near"].held == {}


def test_nothing_asked_and_nothing_there():
    assert admitted(diamond(), []) == ({}, {})


def test_columns_find_the_way_around_that_first_paths_do_not_have():
    """Six requests over a ring of 12 with one short way each: the long ways come by prices."""
    net = ring(12)
    requests = [pipe(f"r{i}", 1, 2, 5, value=1 + 0.1 * i) for i in range(4)]
    few = formulate(net, requests, share=1.0, rounds=-1)
    many = formulate(net, requests, share=1.0, rounds=3)
    assert len(many.problem.worth) >= len(few.problem.worth)
    placed = interpret(many, solved(many))
    assert len(placed) == 4
    assert {len(p.pipes[0].path.links) for p in placed} == {1, 11}


@given(worlds(), st.sampled_from([0.5, 1.0]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_asked_answers_keep_every_promise(world, share):
    net, requests = world
    task = formulate(net, requests, share=share)
    problem = task.problem
    for answer in (density_greedy(problem), solved(task, "path-switch", 0.01)):
        plan = verify(interpret(task, answer), net, 0, share)
        names = {placement.request.name for placement in plan.placements}
        why = reasons(task, answer)
        assert names.isdisjoint(why) and names | set(why) == {r.name for r in requests}
        worth = sum(placement.request.worth for placement in plan.placements)
        assert worth == pytest.approx(problem.admitted(answer))
        assert worth <= upper_bound(task) * (1 + 1e-6) + 1e-6
        for link, held in plan.held().items():
            assert held <= share * net.link_by_id[link].capacity * (1 + 1e-6)


@given(worlds(), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_later_requests_leave_what_runs_in_force(world, seed):
    net, requests = world
    half = len(requests) // 2
    task = formulate(net, requests[:half], share=1.0)
    placed = interpret(task, density_greedy(task.problem), 1)
    later = formulate(net, requests[half:], placed, share=1.0)
    assert later.running == placed and not later.lost
    plan = verify(interpret(later, solved(later, "path-switch", 0.01), 2), net, 2)
    names = {placement.request.name: placement for placement in plan.placements}
    for placement in placed:
        assert names[placement.request.name].number == placement.number
    again = formulate(net, [], plan.placements, share=1.0)
    stay = interpret(again, (0,) * again.problem.size)
    assert stay == plan.placements
    rng = np.random.default_rng(seed)
    if len(net.links) > 2:
        gone = {LinkId(*net.links[int(rng.integers(len(net.links)))].id)}
        cut = replace(net, links=tuple(x for x in net.links if x.id not in gone))
        task = formulate(cut, [], plan.placements, share=1.0)
        assert {p.request.name for p in (*task.running, *task.lost)} == set(names)
        verify(task.running, cut, 0)


def test_a_request_keeps_off_links_that_are_too_small_for_it():
    """The ways from 1 to 5 by fewest links have a narrow one each; the way around is wide."""
    net = with_hosts(network(((1, 2), (2, 5), (1, 5), (1, 3), (3, 4), (4, 5))))
    narrow = ({1, 2}, {1, 5})
    links = tuple(
        replace(link, capacity=2 * MBIT) if {link.src, link.dst} in narrow else link
        for link in net.links
    )
    placed, why = admitted(replace(net, links=links), [pipe("a", 1, 5, 4, back=1)])
    assert why == {}
    assert switches(placed["a"].pipes[0].path) == (1, 3, 4, 5)
