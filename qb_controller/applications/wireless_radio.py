"""How far a signal reaches, what interferes, and what rate is left: the model of the air.

Interference is added as noise. Carrier sensing, which makes neighbours on one channel take turns
instead, is not modelled: both ways neighbours on one channel cost one another about the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qb_controller.model.radio import Configuration, RadioQuality, Scenario

Floats = npt.NDArray[np.float64]

Signals = npt.NDArray[np.float32]
"""By access point and station. Single precision: a millionth of a decibel, in half the time."""

CENTRE_HZ = {"2.4GHz": 2.437e9, "5GHz": 5.5e9}
"""Carrier frequency by band, for the path loss."""

SPACING_HZ = 5e6
"""Between the centres of neighbouring channel numbers, in both bands (IEEE 802.11)."""

PEAK_BPS_PER_HZ = 7.17
"""Highest spectral efficiency: 143.4 Mbit/s in 20 MHz, MCS 11 of one IEEE 802.11ax stream."""

LEAST_RATE_BPS = 1e5
"""Rate below which a station counts as having this one, so that utility stays finite."""


@dataclass(frozen=True)
class Preset:
    """Path loss of an environment, ``a + b log10(d/m) + c log10(f/GHz)`` in dB, and shadowing.

    Attributes
    ----------
    sight, no_sight : tuple of float
        a, b, c with and without line of sight; without, never less than with.
    shadow_db : tuple of float
        Standard deviation of the log-normal shadowing with and without line of sight.
    """

    sight: tuple[float, float, float]
    no_sight: tuple[float, float, float]
    shadow_db: tuple[float, float]


PRESETS = {
    "indoor-office": Preset((32.4, 17.3, 20.0), (17.3, 38.3, 24.9), (3.0, 8.03)),
    "urban-micro": Preset((32.4, 21.0, 20.0), (22.4, 35.3, 21.3), (4.0, 7.82)),
}
"""3GPP TR 38.901, table 7.4.1-1: InH-Office and UMi-Street Canyon (its near part, receiver at
1.5 m)."""

_NEAREST_M = 1.0


def sight_probability(environment: str, distance: Signals) -> Signals:
    """Probability of line of sight at a distance in metres (TR 38.901, table 7.4.2-1).

    The open and mixed offices of the table are taken as mixed.
    """
    if environment == "indoor-office":
        near = np.exp(np.minimum(1.2 - distance, 0) / 4.7)
        far = 0.32 * np.exp(np.minimum(6.5 - distance, 0) / 32.6)
        return np.where(distance < 6.5, near, far)
    ratio = np.minimum(18 / distance, 1.0)
    return np.asarray(ratio + np.exp(distance / -36) * (1 - ratio))


def path_loss_db(scenario: Scenario) -> Signals:
    """Loss from each access point (row) to each station (column) in dB (a, s).

    Measured where the scenario has it; else line of sight and shadowing are drawn from the
    scenario's seed, so that the same scenario always gives the same losses.
    """
    if scenario.path_loss_db is not None:
        return np.array(scenario.path_loss_db, dtype=np.float32)
    points = np.array([a.at for a in scenario.access_points], dtype=np.float32)
    places = np.array([s.at for s in scenario.stations], dtype=np.float32)
    distance = (points[:, 0, None] - places[:, 0]) ** 2
    distance += (points[:, 1, None] - places[:, 1]) ** 2
    distance = np.maximum(np.sqrt(distance), _NEAREST_M)
    preset = PRESETS[scenario.environment]
    frequency = math.log10(CENTRE_HZ[scenario.band] / 1e9)
    decades = np.log10(distance)
    clear, hidden = (a + c * frequency + b * decades for a, b, c in (preset.sight, preset.no_sight))
    rng = np.random.default_rng(scenario.seed)
    seen = rng.random(distance.shape, np.float32) < sight_probability(
        scenario.environment, distance
    )
    shadow = rng.standard_normal(distance.shape, np.float32)
    shadow *= np.where(seen, *map(np.float32, preset.shadow_db))
    shadow += np.where(seen, clear, np.maximum(clear, hidden))
    return shadow


def overlap(scenario: Scenario) -> Floats:
    """Share of a transmitter's power that falls into a receiver's channel (c, c).

    Both spectra are taken as flat over their width, as OFDM's nearly are: channels of 20 MHz that
    are 5 MHz apart share three quarters, from 20 MHz on nothing.
    """
    number = np.array(scenario.channels, dtype=np.float64)
    apart = np.abs(number[:, None] - number) * SPACING_HZ
    return np.maximum(0.0, 1 - apart / scenario.width_hz)


@dataclass(frozen=True)
class Air:
    """A scenario in numbers.

    Attributes
    ----------
    signal : float32 array (a, s)
        Power of each access point at each station, in units of the noise power.
    overlap : float array (c, c)
        See :func:`overlap`.
    demand : float array (s,)
        Share of each station in all demand.
    """

    signal: Signals
    overlap: Floats
    demand: Floats


def air_of(scenario: Scenario) -> Air:
    """Turn a scenario into numbers."""
    power = np.array([a.power_dbm for a in scenario.access_points]) - scenario.noise_dbm
    level = power[:, None].astype(np.float32) - path_loss_db(scenario)
    level *= np.float32(math.log(10) / 10)
    signal = np.exp(level, out=level)
    demand = np.array([s.demand_bps for s in scenario.stations])
    return Air(signal, overlap(scenario), demand / demand.sum())


def strongest(air: Air) -> tuple[int, ...]:
    """The access point that each station hears best."""
    return tuple(np.argmax(air.signal, axis=0).tolist())


def heard(
    air: Air, power: Signals, channels: npt.NDArray[np.int64], users: npt.NDArray[np.int64]
) -> Floats:
    """Power that arrives at each station in the channel it uses (s,).

    Parameters
    ----------
    power : float32 array (a, s)
        Of each access point at each station over the whole spectrum, 0 where it is not to count.
    channels : int array (a,)
        Index into the scenario's channels; access points without a station are silent.
    users : int array (s,)
    """
    active = np.bincount(users, minlength=len(power)) > 0
    into = (air.overlap[:, channels] * active).astype(np.float32) @ power
    return into[channels[users], np.arange(len(users))].astype(np.float64)


def spectral_efficiency(
    signal: npt.NDArray[np.floating], noise: npt.NDArray[np.floating]
) -> npt.NDArray[np.floating]:
    """Bit/s per hertz after Shannon, no more than the fastest modulation carries."""
    return np.asarray(np.minimum(np.log2(1 + signal / noise), PEAK_BPS_PER_HZ))


def quality(scenario: Scenario, air: Air, configuration: Configuration) -> RadioQuality:
    """Judge a configuration.

    The interference is ``sum_s demand_s min(1, I_s/S_s)`` summed over the interferers one by one:
    each one's power relative to the station's own signal, at most one, weighted by the station's
    share of the demand. A station's rate is its access point's rate for it divided by the number
    of stations there (equal air time, which proportional fairness gives), and the utility
    ``sum_s demand_s ln(rate_s / (Mbit/s))``.
    """
    index = {number: i for i, number in enumerate(scenario.channels)}
    channels = np.array([index[number] for number in configuration.channels], dtype=np.int64)
    users = np.asarray(configuration.users)
    mine = air.signal[users, np.arange(len(users))]
    count = np.bincount(users, minlength=len(air.signal))
    others = air.signal.copy()
    others[users, np.arange(len(users))] = 0.0
    efficiency = spectral_efficiency(mine, 1 + heard(air, others, channels, users))
    others /= mine
    relative = heard(air, np.minimum(others, 1.0, out=others), channels, users)
    rates = np.maximum(efficiency * scenario.width_hz / count[users], LEAST_RATE_BPS)
    changed = [
        point.channel is not None and point.channel != number
        for point, number in zip(scenario.access_points, configuration.channels, strict=True)
    ]
    carried = np.bincount(users, air.demand, len(changed))
    return RadioQuality(
        float(relative @ air.demand),
        float(np.log(rates / 1e6) @ air.demand),
        tuple(rates.tolist()),
        sum(changed),
        scenario.change_cost * float(carried @ changed),
    )
