"""``qb devices``: what computes behind each backend, and what is known of it."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from qb_controller.commands.output import Column, add_json, seconds, show

if TYPE_CHECKING:
    from quantum_backends.devices import Device

SIZES = {"annealer": 150, "gate": 16}
"""Bits for which a call's modelled time is told where a device sets no limit of its own."""

COLUMNS = (
    Column("backend"),
    Column("family"),
    Column("device"),
    Column("kind"),
    Column("status"),
    Column("age_s", seconds, right=True),
    Column("limit", right=True),
    Column("modelled_s", seconds, right=True),
    Column("watts", "{:.3g}".format, right=True),
    Column("price", right=True),
    Column("note"),
)


def add_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ask",
        action="store_true",
        help="ask remote devices for their status now (only those whose token is configured)",
    )
    add_json(parser)


def run(name: str, args: argparse.Namespace) -> int:
    from quantum_backends.device_table import ask, devices
    from quantum_backends.registry import BACKENDS

    now = time.time()
    statuses = {backend: ask(backend, now) for backend in BACKENDS} if args.ask else {}
    found = devices(BACKENDS, statuses)
    rows = [row(device, BACKENDS[device.backend].family, now) for device in found]
    show(args, rows, COLUMNS, "there are no backends")
    return 0


def row(device: Device, family: str, now: float) -> dict[str, Any]:
    """One device for the table; further keys hold the models with their sources."""
    size = device.limit or SIZES.get(family, 0)
    price, times = device.price, device.times
    return {
        "backend": device.backend,
        "family": family,
        "device": device.name,
        "kind": device.kind,
        "status": device.status.state,
        "age_s": device.status.age_s(now),
        "limit": device.limit,
        "modelled_s": device.modelled_s(size) if times is not None else None,
        "watts": device.power.watts,
        "price": f"{price.per_s:g} {price.currency}/s" if price else None,
        "note": _note(device, now, size),
        "simulated": device.simulated,
        "stands_for": device.stands_for,
        "reason": device.status.reason,
        "queue_s": device.status.queue_s,
        "fresh_s": device.fresh_s if device.fresh_s < float("inf") else None,
        "samples": device.samples,
        "modelled_for_bits": size if times is not None else None,
        "time_model": {"class": type(times).__name__, **asdict(times)} if times else None,  # type: ignore[call-overload]
        "power": asdict(device.power),
        "price_model": asdict(price) if price else None,
    }


def _note(device: Device, now: float, size: int) -> str:
    if reason := device.abstain(now):
        return f"not used: {reason}"
    if device.simulated:
        return (
            f"simulated on this processor; stands for {device.stands_for}, whose time for "
            f"{size} bits and {device.samples} samples is modelled"
        )
    return "timed as it runs" if device.times is None else f"modelled for {size} bits"
