"""Slices from request to end on the controller's side, with a first-fit for an optimiser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from qb_controller.applications.slice_requests import read
from qb_controller.errors import Conflict, NotFound
from qb_controller.model.slice_life import MOVES, WAITS, followed_by
from qb_controller.runtime.messages import SlicesResult
from qb_controller.slicing import book
from qb_controller.slicing.control import AGAIN_S, OVERDUE_S
from tests.support.first_fit import answer, lost
from tests.support.slicing_run import DIAMOND, Run, pipe


@pytest.fixture
def run() -> Run:
    return Run()


def test_what_comes_within_the_window_is_decided_together(run: Run) -> None:
    run.settle()
    run.create(pipe("a"))
    run.after(0.15)
    run.create(pipe("b"))
    assert run.sent == []
    run.after(0.06)
    (question,) = run.sent
    assert [one.name for one in question.requests] == ["a", "b"]
    assert sorted(question.numbers.values()) == [1, 2]
    assert run.states() == {"a": "pending", "b": "pending"}
    run.answered()
    assert run.states() == {"a": "admitted", "b": "admitted"}
    assert len(run.plans[-1].placements) == 2
    run.confirmed()
    assert run.states() == {"a": "active", "b": "active"}
    assert run.told("a") == ["asked", "admitted", "active"]


def test_what_does_not_fit_is_rejected_with_the_reason(run: Run) -> None:
    run.create(pipe("a", "8M"), pipe("b", "8M"), pipe("c", "8M", value=9))
    run.settle()
    states = run.states()
    assert states["c"] == "active"
    assert sorted(states.values()) == ["active", "active", "rejected"]
    loser = next(name for name, state in states.items() if state == "rejected")
    assert run.detail(loser) == "no path has room"
    assert run.told(loser) == ["asked", "rejected"]
    run.create(pipe(loser, "2M"))  # a rejected name is free
    run.settle()
    assert run.states()[loser] == "active"


def test_a_name_in_use_is_a_conflict_and_nothing_of_the_batch_is_taken(run: Run) -> None:
    run.create(pipe("a"))
    with pytest.raises(Conflict, match="name: a is taken by a slice that is pending"):
        run.create(pipe("b"), pipe("a"))
    assert list(run.states()) == ["a"]
    with pytest.raises(NotFound):
        run.delete("b")


def test_a_packet_is_in_one_slice_at_a_time(run: Run) -> None:
    run.create(pipe("a", end="+1h"))
    lan = {"name": "lan", "hosts": ["h1", "h2", "h4"], "rate": "1M"}
    with pytest.raises(Conflict, match="hosts: packets from h1 to h4 would be in lan and in a"):
        run.create(lan)
    with pytest.raises(Conflict, match="pairs: packets from h1 to h4 would be in x and in y"):
        both = {"pairs": [["h1", "h4"]], "rate": "1M", "start": "+1h"}
        run.create({"name": "y", **both}, {"name": "x", **both})
    assert list(run.states()) == ["a"]
    run.create({**lan, "start": "+1h"})  # when the other is over
    assert run.apply(lan)["deleted"] == ["a"]


def test_deleting_takes_it_off_at_once(run: Run) -> None:
    run.create(pipe("a"), pipe("b"))
    run.settle()
    run.delete("a")
    assert [one.request.name for one in run.plans[-1].placements] == ["b"]
    assert run.states() == {"a": "expired", "b": "active"}
    with pytest.raises(NotFound, match="ended"):
        run.delete("a")
    asked = len(run.sent)
    run.settle()
    assert len(run.sent) == asked  # nothing is left to decide


def test_deleted_while_it_was_being_decided_it_is_not_carried(run: Run) -> None:
    run.create(pipe("a"), pipe("b"))
    run.after(0.3)
    run.delete("a")
    run.answered()
    assert [one.request.name for one in run.plans[-1].placements] == ["b"]
    assert run.states() == {"a": "expired", "b": "admitted"}


def test_start_and_end_are_kept(run: Run) -> None:
    run.create(pipe("a", start="+1m", end="+2m"))
    run.settle()
    assert run.states() == {"a": "pending"} and run.detail("a") == WAITS
    assert run.sent == []
    run.after(60)
    run.settle()
    assert run.states() == {"a": "active"}
    run.after(60)
    assert run.states() == {"a": "expired"} and run.detail("a") == "its end came"
    assert run.plans[-1].placements == ()


def test_a_cut_link_degrades_names_itself_and_is_mended(run: Run) -> None:
    run.create(pipe("a"))
    run.settle()
    before = run.path("a")
    run.network = lost(DIAMOND, before[:2])
    run.after(0.05)
    assert run.states() == {"a": "degraded"}
    cut = f"link s{before[0]} -> s{before[1]} is gone"
    assert run.detail("a").startswith(cut)
    run.settle()
    assert run.states() == {"a": "active"} and run.path("a") != before
    assert run.told("a") == ["asked", "admitted", "active", "degraded", "moved", "active"]
    run.network = lost(run.network, run.path("a")[:2])
    run.settle()
    assert run.states() == {"a": "degraded"}
    assert "best effort: no path has room" in run.detail("a")
    asked = len(run.sent)
    run.settle()
    assert len(run.sent) == asked  # the same question is not asked again and again
    told = run.told("a")
    run.network = replace(run.network, version=77)
    run.settle()
    assert len(run.sent) > asked and run.told("a") == told  # nor the same answer told
    run.network = replace(DIAMOND, version=99)
    run.settle()
    assert run.states() == {"a": "active"} and run.detail("a") == ""


def test_with_a_backup_a_cut_leaves_it_on_that(run: Run) -> None:
    run.create(pipe("a", protection="disjoint"))
    run.settle()
    run.network = lost(DIAMOND, run.path("a")[:2])
    run.after(0.05)
    assert run.detail("a").endswith("is gone: its backup carries it")


def test_a_host_that_is_not_there_is_waited_for(run: Run) -> None:
    others = tuple(host for host in DIAMOND.hosts if host.name != "h4")
    run.network = replace(DIAMOND, hosts=others, version=9)
    run.create(pipe("a"))
    run.settle()
    assert (run.states(), run.detail("a")) == ({"a": "pending"}, "waits for host h4 to be seen")
    run.network = DIAMOND
    run.settle()
    assert run.states() == {"a": "active"}
    run.network = replace(DIAMOND, hosts=others, version=11)
    run.settle()
    assert (run.states(), run.detail("a")) == ({"a": "degraded"}, "host h4 is gone")
    run.network = replace(DIAMOND, version=12)
    run.settle()
    assert (run.states(), run.detail("a")) == ({"a": "active"}, "")


def test_a_whole_set_is_compared_and_taken_in(run: Run) -> None:
    run.create(pipe("a"), pipe("b"), pipe("c"))
    run.settle()
    wanted = (pipe("a"), pipe("b", "4M"), pipe("d"))
    found = {"created": ["d"], "changed": ["b"], "unchanged": ["a"], "deleted": ["c"]}
    assert run.slicing.book.difference([read(r, run.now) for r in wanted]) == found
    assert run.apply(*wanted) == found
    run.settle()
    assert run.states() == {"a": "active", "b": "active", "c": "expired", "d": "active"}
    assert run.slicing.book.find("b").request.rate == 4e6


def test_what_was_rejected_is_asked_again_with_a_set_or_goes(run: Run) -> None:
    run.create(pipe("a", "90M"), pipe("b", "90M"))
    run.settle()
    found = run.apply(pipe("a", "90M"))
    assert found == {"created": ["a"], "changed": [], "unchanged": [], "deleted": ["b"]}
    run.settle()
    assert run.states() == {"a": "rejected", "b": "expired"}


def test_a_change_that_does_not_fit_leaves_what_was_there(run: Run) -> None:
    run.create(pipe("a", "6M"), pipe("b", "6M"))
    run.settle()
    run.apply(pipe("a", "12M"), pipe("b", "6M"), pipe("c", "1M"))
    run.settle()
    assert run.states() == {"a": "active", "b": "active", "c": "active"}
    assert run.slicing.book.find("a").request.rate == 6e6
    assert "kept" in run.told("a")
    assert len(run.plans[-1].placements) == 3


def test_a_change_while_another_is_decided_keeps_what_runs(run: Run) -> None:
    run.create(pipe("a"))
    run.settle()
    run.create(pipe("b"))
    run.after(0.3)
    run.apply(pipe("a", "5M"), pipe("b"))
    run.answered()
    assert {one.request.name for one in run.plans[-1].placements} == {"a", "b"}
    run.confirmed()
    run.settle()
    assert run.states() == {"a": "active", "b": "active"}
    assert run.slicing.book.find("a").request.rate == 5e6


def test_without_an_answer_requests_wait_and_are_asked_again(run: Run) -> None:
    run.create(pipe("a"))
    run.after(0.3)
    run.slicing.received(SlicesResult(run.sent[-1].number, None, None, {}, "late"), 0, run.now)
    assert run.states() == {"a": "pending"} and run.plans == []
    run.after(AGAIN_S - 0.1)
    assert len(run.sent) == 1
    run.after(0.2)
    assert len(run.sent) == 2
    run.slicing.optimiser_down(run.now)
    run.up = False
    run.after(AGAIN_S + 0.1)
    assert len(run.sent) == 2
    run.up = True
    run.after(AGAIN_S + 0.1)
    assert len(run.sent) == 3
    run.after(OVERDUE_S + 1.1)
    assert len(run.sent) == 4
    late = answer(run.sent[2])
    run.slicing.received(late, run.now, run.now)
    assert run.states() == {"a": "pending"}  # an answer that was given up is dropped
    run.answered()
    assert run.states() == {"a": "admitted"}


def test_a_plan_that_comes_while_the_network_changes_is_handed_over_again(run: Run) -> None:
    run.create(pipe("a"))
    run.takes = False
    run.after(0.3)
    run.answered()
    run.after(0.05)
    assert run.plans == [] and run.states() == {"a": "admitted"}
    run.network, run.takes = replace(DIAMOND, version=DIAMOND.version + 1), True
    run.after(0.05)
    run.confirmed()
    assert run.states() == {"a": "active"}


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.create(pipe("a", latency="2s"), pipe("b", "8M"), pipe("c", "90M"), pipe("d", start="+1h"))
    run.settle()
    run.delete("b")
    before, plan = run.slicing.book.all(), run.plans[-1]
    events = run.slicing.book.events(0, 99)
    run.store.close()

    again = Run(tmp_path, run.now)
    assert again.slicing.book.all() == before
    assert again.slicing.book.events(0, 99) == events
    assert again.slicing.plan.placements == plan.placements  # before any network is known
    again.settle()
    assert again.states() == {"a": "active", "b": "expired", "c": "rejected", "d": "pending"}
    assert again.sent == []  # nothing has to be decided anew
    again.create(pipe("e"))
    assert again.slicing.book.find("e").number == 5


def test_admitted_before_a_restart_is_active_after_it(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.create(pipe("a"))
    run.after(0.3)
    run.answered()
    run.store.close()
    again = Run(tmp_path, run.now)
    again.slicing.installed(again.slicing.plan, run.now)
    assert again.states() == {"a": "active"}


def test_a_restart_into_a_smaller_network_asks_anew(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.create(pipe("a", "3M"), pipe("b", "3M"))
    run.settle()
    run.store.close()
    again = Run(tmp_path, run.now)
    small = replace(DIAMOND, links=tuple(replace(link, capacity=4e6) for link in DIAMOND.links))
    again.network = small
    again.after(0.0)
    assert again.plans[-1].placements == ()
    again.settle()
    assert again.states() == {"a": "active", "b": "active"}
    assert again.path("a") != again.path("b")


def test_of_what_is_over_only_the_newest_is_remembered(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book, "KEEP_EXPIRED", 2)
    for n in range(6):
        run.create(pipe(f"s{n}"))
        run.after(1.0)
        run.delete(f"s{n}")
    run.create(pipe("last"))
    assert list(run.states()) == ["last", "s4", "s5"]


def test_the_table_of_states_is_held(run: Run) -> None:
    run.create(pipe("a"))
    one = run.slicing.book.find("a")
    for state in MOVES:
        if state in MOVES[one.state]:
            assert followed_by(one, state, 1.0).state == state
        else:
            with pytest.raises(ValueError, match="is not followed by"):
                followed_by(one, state, 1.0)


def test_a_slice_whose_links_cannot_stay_its_own_is_told_so_until_they_can(run: Run) -> None:
    run.create(pipe("a", pairs=[["h1", "h2"]], isolation="links"))
    run.settle()
    assert run.states() == {"a": "active"}
    run.network = lost(DIAMOND, (3, 4))  # not on its path, but then 1 to 2 is the only way
    run.after(0.3)
    assert run.states() == {"a": "degraded"}
    assert run.detail("a").startswith("its links are open to others, from s1 to s2 on")
    asked = len(run.sent)
    assert asked > run.answers  # and decided anew at once
    run.network = replace(DIAMOND, version=9)
    run.settle()
    assert run.states() == {"a": "active"} and run.detail("a") == ""
    assert run.told("a")[-2:] == ["degraded", "active"]
