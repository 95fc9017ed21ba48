from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_controller.southbound import cookies
from qb_controller.southbound.cookies import Cookie
from qb_controller.southbound.labels import BASE, Label, Numbers, egress_mask, parse

BITS12 = st.integers(0, 0xFFF)


def bits(mac: str) -> int:
    return int(mac.replace(":", ""), 16)


@given(BITS12, BITS12, st.integers(0, 15), BITS12, BITS12)
def test_labels_read_back_and_egress_masks_match_them(
    ingress: int, egress: int, path: int, epoch: int, other: int
) -> None:
    label = Label(ingress, egress, path, epoch)
    assert parse(label.mac) == label
    assert label.mac.startswith("0a:")
    value, mask = egress_mask(other)
    assert (bits(label.mac) & bits(mask) == bits(value)) == (other == egress)


@pytest.mark.parametrize("mac", ["", "0a:00", "00:00:00:00:00:01", "0a:zz:00:00:00:00", "0b" * 9])
def test_other_addresses_are_no_labels(mac: str) -> None:
    assert parse(mac) is None


def test_numbers_are_small_unique_and_kept() -> None:
    numbers = Numbers()
    large = 0x0000_5254_0012_3456
    assert numbers.of(large) == BASE - 1
    assert numbers.of(BASE - 1) == BASE - 2  # its own number is given already
    assert numbers.of(7) == 7
    again = Numbers.from_json(numbers.to_json())
    assert [again.of(dpid) for dpid in (large, BASE - 1, 7)] == [BASE - 1, BASE - 2, 7]
    assert again.dpid(BASE - 1) == large
    assert again.dpid(8) is None
    again.learn([(99, 7), (large, 5), (98, 97)])  # contradictions are passed over
    assert again.dpid(7) == 7
    assert again.of(large) == BASE - 1
    assert again.of(98) == 97


def test_numbers_run_out_with_a_clear_error() -> None:
    numbers = Numbers({dpid: dpid for dpid in range(BASE)})
    with pytest.raises(ValueError, match="4095 switch numbers are taken"):
        numbers.of(1 << 40)


@pytest.mark.parametrize("table", [{"1": BASE}, {"1": -1}, {"1": 2, "3": 2}, {"x": 1}, {"1": "2"}])
def test_bad_number_tables_are_refused(table: dict) -> None:
    with pytest.raises(ValueError):
        Numbers.from_json(table)


@given(st.sampled_from(sorted(cookies.APPS)), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF))
def test_cookies_read_back_and_masks_select_one_owner(app: str, owner: int, epoch: int) -> None:
    cookie = Cookie(app, owner, epoch)
    assert cookies.decode(cookie.value) == cookie
    assert cookies.is_ours(cookie.value)
    assert cookie.value < 1 << 64
    for other in cookies.APPS:
        value, mask = cookies.mask_of(other)
        assert (cookie.value & mask == value) == (other == app)


def test_bad_cookies() -> None:
    assert cookies.decode(0) is None
    assert cookies.decode(0x51FF << 48) is None
    with pytest.raises(ValueError, match="unknown application 'x'"):
        Cookie("x").value  # noqa: B018
    with pytest.raises(ValueError, match="16 bits"):
        Cookie("te", 1 << 16).value  # noqa: B018
