"""A radio scenario: access points that share channels, and stations that want rates."""

from __future__ import annotations

from dataclasses import dataclass

Point = tuple[float, float]
"""Metres east and north."""


@dataclass(frozen=True, slots=True)
class AccessPoint:
    """An access point or cell.

    Attributes
    ----------
    name : str
    at : tuple of float
        Position in metres.
    power_dbm : float
        Transmit power, antenna gains included.
    channel : int or None
        What it is on now; None where it is not on the air yet.
    """

    name: str
    at: Point
    power_dbm: float
    channel: int | None = None


@dataclass(frozen=True, slots=True)
class Station:
    """Somebody who wants a rate.

    Attributes
    ----------
    name : str
    at : tuple of float
        Position in metres.
    demand_bps : float
        Wanted rate in bit/s; how much the station counts.
    access_point : int or None
        Index of the access point it uses now.
    """

    name: str
    at: Point
    demand_bps: float
    access_point: int | None = None


@dataclass(frozen=True)
class Scenario:
    """Everything a choice of channels is made from.

    Attributes
    ----------
    name : str
    band : str
        ``2.4GHz`` or ``5GHz``.
    channels : tuple of int
        Channel numbers that may be used, ascending.
    width_hz : float
        Width of a channel.
    environment : str
        Path-loss preset, a key of :data:`qb_controller.applications.wireless_radio.PRESETS`.
    access_points : tuple of AccessPoint
    stations : tuple of Station
    noise_dbm : float
        Noise power in the channel at a station.
    seed : int
        Of the shadowing.
    change_cost : float
        Share of the traffic between two choices of channels that the stations of an access point
        lose when it changes its own: the length of the break over the time until channels are
        chosen again. 0.02 is 1.2 s in a minute, which is what stations take that have to find
        the access point again. Times the share of all demand that the access point carries, this
        is in the unit of both objectives: an interference of 1 is a station's whole signal, and
        losing a share x of the time lowers ln(rate) by about x. So a channel is changed only where
        that saves more than the break costs.
    path_loss_db : tuple of tuple of float, or None
        Measured loss from each access point (row) to each station (column), which then replaces
        the model; None where positions say it.
    """

    name: str
    band: str
    channels: tuple[int, ...]
    width_hz: float
    environment: str
    access_points: tuple[AccessPoint, ...]
    stations: tuple[Station, ...]
    noise_dbm: float
    seed: int = 0
    change_cost: float = 0.02
    path_loss_db: tuple[tuple[float, ...], ...] | None = None


@dataclass(frozen=True)
class Configuration:
    """What is decided: the channel of each access point, the access point of each station.

    Attributes
    ----------
    channels : tuple of int
        Channel number by access point.
    users : tuple of int
        Index of an access point by station.
    """

    channels: tuple[int, ...]
    users: tuple[int, ...]


@dataclass(frozen=True)
class RadioQuality:
    """What a configuration is worth, computed from the scenario alone.

    Attributes
    ----------
    interference : float
        Demand-weighted interference of all stations relative to their own signal; see
        :func:`qb_controller.applications.wireless_radio.quality`.
    utility : float
        Proportional-fair utility, the demand-weighted sum of ln(rate in Mbit/s).
    rates_bps : tuple of float
        Rate of each station in bit/s.
    changed : int
        Access points on another channel than before.
    cost : float
        What these changes cost; see ``change_cost``.
    """

    interference: float
    utility: float
    rates_bps: tuple[float, ...]
    changed: int
    cost: float = 0.0
