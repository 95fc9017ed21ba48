"""A map of access points coloured by channel, with who interferes with whom, before and after."""

from __future__ import annotations

from typing import Any

import numpy as np

from qb_controller.applications.wireless import users_now
from qb_controller.applications.wireless_radio import air_of, quality
from qb_controller.model.radio import Configuration, Scenario

_EDGES = 300
"""Strongest interference drawn; more would be a grey cloud."""


def draw(before: Scenario, after: Scenario, path: str) -> None:
    """Write the map as a picture; a scenario without channels yet is drawn without colours."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(13, 6), constrained_layout=True)
    colours = pyplot.get_cmap("turbo")(np.linspace(0.05, 0.95, len(after.channels)))
    for axis, scenario, title in zip(axes, (before, after), ("before", "after"), strict=True):
        _panel(axis, scenario, title, colours)
    handles = [
        pyplot.Line2D([], [], marker="o", linestyle="", color=colour, label=str(number))
        for number, colour in zip(after.channels, colours, strict=True)
    ]
    figure.legend(handles=handles, title="channel", loc="outside right center")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _panel(axis: Any, scenario: Scenario, title: str, colours: Any) -> None:
    index = {number: i for i, number in enumerate(scenario.channels)}
    at = np.array([point.at for point in scenario.access_points])
    where = np.array([station.at for station in scenario.stations])
    axis.plot(where[:, 0], where[:, 1], ".", color="0.8", markersize=3, zorder=1)
    numbers = [point.channel for point in scenario.access_points]
    chosen = tuple(number for number in numbers if number is not None)
    if len(chosen) < len(numbers):
        axis.scatter(at[:, 0], at[:, 1], color="0.5", s=40, zorder=3)
        axis.set_title(f"{title}: no channels chosen yet")
    else:
        air = air_of(scenario)
        users = users_now(scenario, air)
        _edges(axis, scenario, np.array([index[n] for n in chosen]), users, at)
        axis.scatter(
            at[:, 0],
            at[:, 1],
            c=colours[[index[n] for n in chosen]],
            s=40,
            zorder=3,
            edgecolors="black",
            linewidths=0.5,
        )
        found = quality(scenario, air, Configuration(chosen, users))
        axis.set_title(
            f"{title}: interference {found.interference:.4f}, utility {found.utility:.3f}"
        )
    axis.set_aspect("equal")
    axis.set_xlabel("metres")


def _edges(axis: Any, scenario: Scenario, chosen: Any, users: tuple[int, ...], at: Any) -> None:
    air = air_of(scenario)
    mine = air.signal[np.asarray(users), np.arange(len(users))]
    cost = np.zeros((len(at), len(at)))
    relative = np.minimum(air.signal / mine, 1.0) * air.demand
    np.add.at(cost.T, np.asarray(users), relative.T)
    cost = (cost + cost.T) * air.overlap[chosen[:, None], chosen]
    cost = np.triu(cost, 1)
    strongest = np.argsort(-cost, axis=None)[:_EDGES]
    top = cost.max() or 1.0
    for one, other in zip(*np.unravel_index(strongest, cost.shape), strict=True):
        strength = cost[one, other] / top
        if strength > 0.01:
            axis.plot(
                at[[one, other], 0],
                at[[one, other], 1],
                color="crimson",
                zorder=2,
                linewidth=0.5 + 4 * strength,
                alpha=0.7,
            )
