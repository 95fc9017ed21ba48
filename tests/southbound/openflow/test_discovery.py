from __future__ import annotations

import pytest

from qb_controller.southbound.openflow.discovery import timers


@pytest.mark.parametrize("ports", [0, 1, 50, 200, 400, 2000, 20_000])
def test_a_round_of_lldp_fits_into_half_the_time_out(ports: int) -> None:
    guard, link_timeout = timers(ports)
    assert guard > 0
    assert ports * guard <= link_timeout / 2
