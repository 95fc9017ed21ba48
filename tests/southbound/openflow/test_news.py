"""Greenlets that wait for news."""

from __future__ import annotations

import eventlet

from qb_controller.southbound.openflow.news import News


def test_who_waits_is_woken_by_what_he_waits_for() -> None:
    news, there = News(), [0]
    waiting = eventlet.spawn(news.wait, lambda: there[0] > 1, 5.0)
    for _ in range(2):  # the first is not what is waited for
        eventlet.sleep(0)
        there[0] += 1
        news.happened()
    assert waiting.wait() is True


def test_nothing_comes_or_is_there_already() -> None:
    news = News()
    assert news.wait(lambda: True, 5.0) is True
    assert news.wait(lambda: False, 0.01) is False
