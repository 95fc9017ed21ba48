"""Cookies: whose a flow rule is, in the 64 bits that every flow entry carries anyway.

::

    0x51 (8) | application (8) | owner (16) | epoch (32)

so ``ovs-ofctl -O OpenFlow13 dump-flows s1 cookie=0x5102000000000000/0xffff000000000000`` shows the
rules of traffic engineering on s1, and nothing else.
"""

from __future__ import annotations

from typing import NamedTuple

MAGIC = 0x51
"""First octet of every cookie of this project (an ASCII Q)."""

APPS = {"base": 1, "te": 2, "slices": 3, "wireless": 4, "jobs": 5}
"""Applications that own rules, by the number in their cookies."""

_NAMES = {number: name for name, number in APPS.items()}

ALL_MASK = 0xFF << 56
"""Matches every rule of this project: ``cookie=0x5100000000000000/0xff00000000000000``."""

APP_MASK = 0xFFFF << 48
"""Matches the rules of one application."""

OWNER_MASK = 0xFFFFFFFF << 32
"""Matches the rules of one owner (a tenant, a slice) within an application."""


class Cookie(NamedTuple):
    """What a cookie says.

    Attributes
    ----------
    app : str
        A key of :data:`APPS`.
    owner : int
        Within the application, 16 bits; 0 where it has no owners.
    epoch : int
        32 bits: the decision number for applications, the tree's epoch for the base layer.
    """

    app: str
    owner: int = 0
    epoch: int = 0

    @property
    def value(self) -> int:
        return encode(self)


def encode(cookie: Cookie) -> int:
    """The 64 bits of a cookie.

    Raises
    ------
    ValueError
        The application is unknown or the owner does not fit.
    """
    if cookie.app not in APPS:
        raise ValueError(f"unknown application {cookie.app!r}; known: {', '.join(APPS)}")
    if not 0 <= cookie.owner <= 0xFFFF:
        raise ValueError(f"owner {cookie.owner} does not fit into 16 bits")
    return MAGIC << 56 | APPS[cookie.app] << 48 | cookie.owner << 32 | cookie.epoch & 0xFFFFFFFF


def decode(value: int) -> Cookie | None:
    """Read a cookie back; None where it is not one of this project."""
    app = _NAMES.get(value >> 48 & 0xFF)
    if value >> 56 != MAGIC or app is None:
        return None
    return Cookie(app, value >> 32 & 0xFFFF, value & 0xFFFFFFFF)


def is_ours(value: int) -> bool:
    """Whether a cookie carries this project's first octet."""
    return value >> 56 == MAGIC


def mask_of(app: str) -> tuple[int, int]:
    """Cookie and mask that match every rule of one application."""
    return encode(Cookie(app)), APP_MASK
