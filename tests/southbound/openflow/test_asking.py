"""Answers find the greenlet that waits; silence, a fall and absence are told apart."""

import eventlet
import pytest

from qb_controller.errors import OptimiserError
from qb_controller.southbound.openflow.asking import Asking


def test_answers_find_who_asked_in_any_order():
    sent = []
    asking = Asking(lambda message: not sent.append(message))
    waiting = [eventlet.spawn(asking.ask, lambda n, name=name: (n, name), 5.0) for name in "abc"]
    eventlet.sleep(0)
    assert [name for _, name in sent] == ["a", "b", "c"]
    for number, name in reversed(sent):
        asking.answered(number, name.upper())
    assert [each.wait() for each in waiting] == ["A", "B", "C"]
    asking.answered(sent[0][0], "too late")  # nobody waits any more


def test_without_an_answer_it_says_why():
    with pytest.raises(OptimiserError, match="gave no answer"):
        Asking(lambda message: True).ask(lambda number: number, 0.01)
    with pytest.raises(OptimiserError, match="being started"):
        Asking(lambda message: False).ask(lambda number: number, 5.0)
    asking = Asking(lambda message: True)
    waiting = eventlet.spawn(asking.ask, lambda number: number, 5.0)
    eventlet.sleep(0)
    asking.down()
    with pytest.raises(OptimiserError, match="ended before"):
        waiting.wait()
