"""Radio scenarios from files and from a seed, and how one changes from minute to minute."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from qb_controller.applications.wireless_radio import CENTRE_HZ, PRESETS
from qb_controller.errors import InputError
from qb_controller.model.radio import AccessPoint, Scenario, Station

NOISE_DBM = -94.0
"""Thermal noise of 20 MHz (-101 dBm) and a receiver's noise figure of 7 dB."""

POWER_DBM = 20.0
"""Transmit power where none is said: the usual limit of an indoor access point."""

CHANNELS = {
    "2.4GHz": tuple(range(1, 14)),
    "5GHz": (*range(36, 65, 4), *range(100, 145, 4), *range(149, 166, 4)),
}
"""Channel numbers of IEEE 802.11 by band, 20 MHz wide."""

MOST = 5000
"""Access points or stations in one scenario; above, the matrix of losses takes gigabytes."""

MOST_MHZ, MOST_MBPS = 1e4, 1e6
"""Widest channel and largest demand of a station: thirty times what the standards know."""

_KEYS = {
    "name": str,
    "band": str,
    "channels": list,
    "width_mhz": float,
    "environment": str,
    "noise_dbm": float,
    "seed": int,
    "change_cost": float,
    "access_points": list,
    "stations": list,
    "path_loss_db": list,
}
_POINT = {"name": str, "x": float, "y": float, "power_dbm": float, "channel": int}
_STATION = {"name": str, "x": float, "y": float, "demand_mbps": float, "access_point": str}
_WORDS = {str: "text", float: "a number", int: "a whole number", list: "a list"}


def read(data: Any, where: str) -> Scenario:
    """Build a scenario from what a YAML or JSON file holds.

    Parameters
    ----------
    data : object
        A mapping with ``access_points`` and ``stations`` and, optionally, the other keys.
    where : str
        The file's name, for errors.

    Raises
    ------
    InputError
        An unknown key, a wrong type or an impossible value; the text names file and field.
    """
    data = _typed(data, _KEYS, where)
    band = _one_of(data.get("band", "5GHz"), CENTRE_HZ, f"{where}: band")
    environment = _one_of(
        data.get("environment", "indoor-office"), PRESETS, f"{where}: environment"
    )
    channels = _channels(data.get("channels"), band, where)
    measured = data.get("path_loss_db")
    points = _points(data.get("access_points"), channels, measured is not None, where)
    names = {point.name: i for i, point in enumerate(points)}
    stations = _stations(data.get("stations"), names, measured is not None, where)
    return Scenario(
        data.get("name", where),
        band,
        channels,
        1e6 * _above_zero(data.get("width_mhz", 20.0), MOST_MHZ, f"{where}: width_mhz"),
        environment,
        points,
        stations,
        _within(data.get("noise_dbm", NOISE_DBM), -174, 0, f"{where}: noise_dbm"),
        _seed(data.get("seed", 0), f"{where}: seed"),
        _within(data.get("change_cost", 0.02), 0, 1e6, f"{where}: change_cost"),
        None if measured is None else _losses(measured, len(points), len(stations), where),
    )


def _typed(data: Any, keys: Mapping[str, type], where: str) -> dict[str, Any]:
    """Check names and types of a mapping's entries; whole numbers serve as numbers."""
    if not isinstance(data, Mapping):
        raise InputError(f"{where}: want a mapping of names to values, got {data!r:.40}")
    out = {}
    for key, value in data.items():
        if key not in keys:
            raise InputError(f"{where}: unknown key {key!r}; there are {', '.join(keys)}")
        kind = keys[key]
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = _float(value)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise InputError(f"{where}: {key}: want {_WORDS[kind]}, got {value!r:.40}")
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"{where}: {key}: {value} is not finite")
        out[key] = value
    return out


def _float(value: int | float) -> float:
    """The number; infinite where JSON's whole number is larger than any."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _one_of(value: str, known: Mapping[str, Any], where: str) -> str:
    if value not in known:
        raise InputError(f"{where}: {value!r} is none of {', '.join(known)}")
    return value


def _above_zero(value: float, most: float, where: str) -> float:
    if not value > 0:
        raise InputError(f"{where}: {value:g} must be above zero")
    return _within(value, 0, most, where)


def _seed(value: int, where: str) -> int:
    if not 0 <= value < 2**63:
        raise InputError(f"{where}: want a whole number from 0 to 2^63 - 1, got {value!r:.40}")
    return value


def _within(value: float, low: float, high: float, where: str) -> float:
    if not low <= value <= high:
        raise InputError(f"{where}: {value:g} is outside {low:g} .. {high:g}")
    return value


def _channels(value: Any, band: str, where: str) -> tuple[int, ...]:
    if value is None:
        return CHANNELS[band][:3] if band == "5GHz" else (1, 6, 11)
    if not value:
        raise InputError(f"{where}: channels: there must be at least one")
    for i, number in enumerate(value):
        if number not in CHANNELS[band] or isinstance(number, bool):
            raise InputError(f"{where}: channels[{i}]: {number!r:.40} is no channel of {band}")
        if number in value[:i]:
            raise InputError(f"{where}: channels[{i}]: {number} is listed twice")
    return tuple(sorted(value))


def _items(value: Any, key: str, where: str) -> Sequence[Any]:
    if not value:
        raise InputError(f"{where}: {key}: there must be at least one")
    if len(value) > MOST:
        raise InputError(f"{where}: {key}: {len(value)} are more than {MOST}")
    return list(value)


def _place(item: Mapping[str, Any], measured: bool, at: str) -> tuple[float, float]:
    for key in ("x", "y"):
        if key not in item and not measured:
            raise InputError(f"{at}: {key}: is missing (metres), and no path_loss_db is given")
    return item.get("x", 0.0), item.get("y", 0.0)


def _points(
    value: Any, channels: tuple[int, ...], measured: bool, where: str
) -> tuple[AccessPoint, ...]:
    points: list[AccessPoint] = []
    seen: set[str] = set()
    for i, raw in enumerate(_items(value, "access_points", where)):
        at = f"{where}: access_points[{i}]"
        item = _typed(raw, _POINT, at)
        name = item.get("name", f"ap{i + 1}")
        if name in seen:
            raise InputError(f"{at}: name: {name!r} is taken already")
        seen.add(name)
        power = _within(item.get("power_dbm", POWER_DBM), 0, 50, f"{at}: power_dbm")
        channel = item.get("channel")
        if channel is not None and channel not in channels:
            raise InputError(f"{at}: channel: {channel} is none of {', '.join(map(str, channels))}")
        points.append(AccessPoint(name, _place(item, measured, at), power, channel))
    return tuple(points)


def _stations(
    value: Any, points: Mapping[str, int], measured: bool, where: str
) -> tuple[Station, ...]:
    stations = []
    for i, raw in enumerate(_items(value, "stations", where)):
        at = f"{where}: stations[{i}]"
        item = _typed(raw, _STATION, at)
        user = item.get("access_point")
        if user is not None and user not in points:
            raise InputError(f"{at}: access_point: there is none called {user!r}")
        demand = _above_zero(item.get("demand_mbps", 1.0), MOST_MBPS, f"{at}: demand_mbps")
        stations.append(
            Station(
                item.get("name", f"s{i + 1}"),
                _place(item, measured, at),
                1e6 * demand,
                None if user is None else points[user],
            )
        )
    return tuple(stations)


def _losses(value: Any, rows: int, columns: int, where: str) -> tuple[tuple[float, ...], ...]:
    if len(value) != rows:
        raise InputError(f"{where}: path_loss_db: {len(value)} rows for {rows} access points")
    out = []
    for i, row in enumerate(value):
        at = f"{where}: path_loss_db[{i}]"
        if not isinstance(row, list) or len(row) != columns:
            raise InputError(f"{at}: want {columns} numbers, one for each station")
        for j, loss in enumerate(row):
            if not isinstance(loss, int | float) or isinstance(loss, bool):
                raise InputError(f"{at}[{j}]: want a number, got {loss!r:.40}")
            _within(_float(loss), 0, 300, f"{at}[{j}]")
        out.append(tuple(map(float, row)))
    return tuple(out)


def generate(
    points: int, channels: int, seed: int, environment: str = "indoor-office", crowd: int = 4
) -> Scenario:
    """Make a scenario: access points on a shaken grid, stations in clusters around them.

    Parameters
    ----------
    points, channels : int
        Channels from 1 to 25 (5 GHz, no overlap).
    crowd : int
        Stations per access point, on average.
    """
    rng = np.random.default_rng(seed)
    spacing = 15.0 if environment == "indoor-office" else 60.0
    side = math.ceil(math.sqrt(points))
    grid = np.argwhere(np.ones((side, side)))[:points] * spacing
    at = grid + rng.uniform(-0.3, 0.3, (points, 2)) * spacing
    centres = at[rng.integers(points, size=points * crowd)]
    where = centres + rng.normal(0, 0.4, (points * crowd, 2)) * spacing
    demand = rng.lognormal(0, 1, points * crowd)
    return Scenario(
        f"{environment}-{points}-{channels}-{seed}",
        "5GHz",
        CHANNELS["5GHz"][:channels],
        20e6,
        environment,
        tuple(AccessPoint(f"ap{i + 1}", (x, y), POWER_DBM) for i, (x, y) in enumerate(at.tolist())),
        tuple(
            Station(f"s{i + 1}", (x, y), 1e6 * float(demand[i]))
            for i, (x, y) in enumerate(where.tolist())
        ),
        NOISE_DBM,
        seed,
    )


def evolve(scenario: Scenario, rng: np.random.Generator, spread_m: float = 2.0) -> Scenario:
    """The scenario a little later: stations have walked, demands have changed.

    Every station takes a random step (normal, ``spread_m`` metres each way), every demand is
    multiplied by a factor near one, and one station in fifty starts or stops something large.
    Stations use the access point they hear best again. Shadowing keeps its seed: it belongs to
    the walls.
    """
    count = len(scenario.stations)
    step = rng.normal(0, spread_m, (count, 2))
    factor = rng.lognormal(0, 0.1, count)
    burst = rng.random(count) < 0.02
    factor[burst] *= rng.choice([0.1, 10.0], int(burst.sum()))
    stations = tuple(
        replace(
            s,
            at=(s.at[0] + float(step[i, 0]), s.at[1] + float(step[i, 1])),
            demand_bps=float(np.clip(s.demand_bps * factor[i], 1e4, 1e8)),
            access_point=None,
        )
        for i, s in enumerate(scenario.stations)
    )
    return replace(scenario, stations=stations)


def as_mapping(scenario: Scenario) -> dict[str, Any]:
    """What :func:`read` reads back: the scenario as plain values."""
    points = [
        {
            "name": p.name,
            "x": round(p.at[0], 2),
            "y": round(p.at[1], 2),
            "power_dbm": p.power_dbm,
            **({} if p.channel is None else {"channel": p.channel}),
        }
        for p in scenario.access_points
    ]
    stations = [
        {
            "name": s.name,
            "x": round(s.at[0], 2),
            "y": round(s.at[1], 2),
            "demand_mbps": round(s.demand_bps / 1e6, 4),
            **(
                {}
                if s.access_point is None
                else {"access_point": scenario.access_points[s.access_point].name}
            ),
        }
        for s in scenario.stations
    ]
    mapping = {
        "name": scenario.name,
        "band": scenario.band,
        "channels": list(scenario.channels),
        "width_mhz": scenario.width_hz / 1e6,
        "environment": scenario.environment,
        "noise_dbm": scenario.noise_dbm,
        "seed": scenario.seed,
        "change_cost": scenario.change_cost,
        "access_points": points,
        "stations": stations,
    }
    if scenario.path_loss_db is not None:
        mapping["path_loss_db"] = [list(row) for row in scenario.path_loss_db]
    return mapping
