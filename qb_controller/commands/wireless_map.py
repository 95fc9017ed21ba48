"""A map of access points coloured by channel, with who interferes with whom, before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from qb_controller.applications.wireless import users_now
from qb_controller.applications.wireless_radio import Floats, air_of, quality
from qb_controller.model.radio import Configuration, Scenario

SHOWN = 0.5
"""Share of the interference whose pairs are drawn, strongest first; all would be a hairball."""

MOST = 120
"""Pairs drawn at most."""


@dataclass(frozen=True)
class Picture:
    """One panel.

    Attributes
    ----------
    title : str
    at, stations : float arrays (a, 2), (s, 2)
        Positions in metres.
    channels : tuple of int
    pairs : int array (p, 2)
        Access points that interfere most with one another's stations.
    strength : float array (p,)
        Their share of the objective.
    """

    title: str
    at: Floats
    stations: Floats
    channels: tuple[int, ...]
    pairs: npt.NDArray[np.int64]
    strength: Floats


def picture(scenario: Scenario, when: str) -> Picture:
    """What a panel shows; without channels yet, what one channel for all would mean."""
    numbers = [point.channel for point in scenario.access_points]
    chosen = tuple(number for number in numbers if number is not None)
    if len(chosen) < len(numbers):
        chosen = (scenario.channels[0],) * len(numbers)
        when = f"{when}, were all on channel {chosen[0]}"
    air = air_of(scenario)
    users = np.array(users_now(scenario, air))
    found = quality(scenario, air, Configuration(chosen, tuple(users.tolist())))
    index = np.searchsorted(scenario.channels, chosen)
    relative = np.minimum(air.signal / air.signal[users, np.arange(len(users))], 1.0) * air.demand
    cost = np.zeros((len(chosen), len(chosen)))
    np.add.at(cost.T, users, relative.T)
    cost[:, np.bincount(users, minlength=len(chosen)) == 0] = 0.0
    cost = np.triu(cost + cost.T, 1) * air.overlap[index[:, None], index]
    order = np.argsort(-cost, axis=None)[:MOST]
    enough = np.searchsorted(np.cumsum(cost.ravel()[order]), SHOWN * cost.sum()) + 1
    kept = order[:enough][cost.ravel()[order[:enough]] > 0]
    return Picture(
        f"{when}: interference {found.interference:.4f}, utility {found.utility:.3f}",
        np.array([point.at for point in scenario.access_points]),
        np.array([station.at for station in scenario.stations]),
        chosen,
        np.stack(np.unravel_index(kept, cost.shape), axis=1),
        cost.ravel()[kept],
    )


def draw(before: Scenario, after: Scenario, path: str) -> None:
    """Write the map as a picture; lines are as wide in one panel as in the other."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(13, 6.4), constrained_layout=True)
    shades = pyplot.get_cmap("turbo")(np.linspace(0.05, 0.95, len(after.channels)))
    colours = dict(zip(after.channels, shades, strict=True))
    panels = picture(before, "before"), picture(after, "after")
    top = max((float(p.strength.max(initial=0.0)) for p in panels), default=0.0) or 1.0
    for axis, panel in zip(axes, panels, strict=True):
        _panel(axis, panel, colours, top)
    handles = [
        pyplot.Line2D([], [], marker="o", linestyle="", color=colour, label=str(number))
        for number, colour in colours.items()
    ]
    figure.legend(handles=handles, title="channel", loc="outside right center")
    figure.supxlabel(
        f"metres; lines: the pairs that make {SHOWN:.0%} of the interference, {MOST} at most",
        fontsize="medium",
    )
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _panel(axis: Any, panel: Picture, colours: dict[int, Any], top: float) -> None:
    axis.plot(*panel.stations.T, ".", color="0.8", markersize=3, zorder=1)
    for ends, strength in zip(panel.pairs, panel.strength, strict=True):
        width = 0.4 + 5 * np.sqrt(strength / top)
        axis.plot(*panel.at[ends].T, color="crimson", linewidth=width, alpha=0.6, zorder=2)
    axis.scatter(
        *panel.at.T,
        c=[colours[number] for number in panel.channels],
        s=40,
        zorder=3,
        edgecolors="black",
        linewidths=0.5,
    )
    axis.set_title(panel.title)
    axis.set_aspect("equal")
