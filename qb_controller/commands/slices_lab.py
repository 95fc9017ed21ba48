"""What benchmarks of slices ask of a live network: slices that run, and names by site."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from qb_controller.commands.lab import Lab, LabError


def create(lab: Lab, **request: Any) -> dict[str, Any]:
    """Ask for a slice, wait until it is active, and return what is known of it."""
    lab.rest.send("POST", "/v1/slices", request)
    return wait_active(lab, request["name"])


def wait_active(lab: Lab, name: str) -> dict[str, Any]:
    row: dict[str, Any] = {}

    def active() -> bool:
        row.update(lab.rest.get(f"/v1/slices/{name}"))
        if row["state"] == "rejected":
            raise LabError(f"slice {name} was rejected: {row['detail']}")
        return bool(row["state"] == "active")

    lab.wait_for(f"slice {name}", active, 30.0)
    return row


def delete(lab: Lab, name: str) -> None:
    """End a slice."""
    lab.rest.delete(f"/v1/slices/{name}")


def switch(lab: Lab, site: str) -> str:
    return str(next(row["name"] for row in lab.info["switches"] if row["site"] == site))


def hosts(lab: Lab, sites: Sequence[str]) -> list[str]:
    """Hosts at the first and the last of some sites."""
    return [host(lab, switch(lab, site)) for site in (sites[0], sites[-1])]


def host(lab: Lab, switch: str) -> str:
    names = [row["name"] for row in lab.info["switches"]]
    return f"h{names.index(switch) + 1}"


def host_number(host: str) -> int:
    return int(host[1:])


def middles(lab: Lab) -> list[str]:
    names = [row["name"] for row in lab.info["switches"]]
    return [names[1], names[2]]


def cable(lab: Lab, a: str, b: str) -> dict[str, Any]:
    for row in lab.info["links"]:
        if {row["a"], row["b"]} == {a, b}:
            return dict(row)
    raise LabError(f"no link joins {a} and {b}")


def delay(lab: Lab, sites: Sequence[str]) -> float:
    names = [switch(lab, site) for site in sites]
    pairs = pairwise(names)
    return float(sum(cable(lab, a, b)["delay_s"] for a, b in pairs))


def arrival(lab: Lab, a: str, b: str) -> str:
    """Interface by which frames of the link from ``a`` to ``b`` arrive."""
    row = cable(lab, a, b)
    return f"{b}-eth{row['port_b'] if row['b'] == b else row['port_a']}"
