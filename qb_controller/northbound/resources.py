"""Answers about the network, the plan and the decisions, as plain values for JSON.

Rates are bit/s, times seconds, ``at`` Unix time; utilisation and gaps are fractions (0.01 is one
percent).
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from itertools import islice
from typing import Any

from qb_controller import __version__
from qb_controller.errors import InputError, NotFound
from qb_controller.model.decision import Candidate, Decision, Forecast
from qb_controller.model.network import Network, Path
from qb_controller.model.plan import WEIGHT_TOTAL
from qb_controller.northbound.view import View

Row = dict[str, Any]

STATUSES = ("running", "improved", "kept", "late", "failed", "rejected")
"""What became of a decision: ``running`` until the outcome is known, then that of the outcome."""


ROUTES = ("", "routing")
"""Forms of problem whose outcome is a maximum link utilisation; old records do not name theirs."""


def plain(value: object) -> Any:
    """Turn dataclasses, tuples and mappings into what JSON holds; no number is NaN or infinite."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, Forecast | Candidate):
        return plain(value._asdict())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def path_names(network: Network, path: Path) -> list[str]:
    return [network.name(dpid) for dpid in path.dpids]


def status(view: View) -> Row:
    now, network = view.status(), view.network()
    return {
        "version": __version__,
        "uptime_s": time.time() - now.started_at,
        "switches": len(network.switches),
        "links": len(network.links),
        "hosts": len(network.hosts),
        "mlu": mlu(view),
        "offered": sum(demand.rate for demand in view.demands()),
        "te": plain(view.te()),
        **plain(now),
    }


def mlu(view: View) -> float:
    """Measured maximum link utilisation, 0 for a network without links."""
    rates = view.link_rates()
    return max(
        (rates.get(link.id, 0.0) / link.capacity for link in view.network().links), default=0.0
    )


def topology(view: View) -> Row:
    network = view.network()
    return {
        "version": network.version,
        "switches": [
            {
                "switch": switch.name,
                "dpid": switch.dpid,
                "hosts": [host.name for host in network.hosts_at.get(switch.dpid, ())],
                "neighbours": [network.name(link.dst) for link in network.links_out[switch.dpid]],
            }
            for switch in sorted(network.switches, key=lambda one: one.dpid)
        ],
        "hosts": hosts(view),
        "links": links(view),
    }


def hosts(view: View) -> list[Row]:
    network = view.network()
    ordered = sorted(network.hosts, key=lambda one: (one.dpid, one.port, one.mac))
    return [
        {
            "host": host.name,
            "ip": host.ip,
            "more_ips": list(host.more_ips),
            "mac": host.mac,
            "switch": network.name(host.dpid),
            "port": host.port,
        }
        for host in ordered
    ]


def links(view: View) -> list[Row]:
    """One row for each direction of every link."""
    network, rates = view.network(), view.link_rates()
    return [
        {
            "from": network.name(link.src),
            "from_port": link.src_port,
            "to": network.name(link.dst),
            "to_port": link.dst_port,
            "capacity": link.capacity,
            "rate": rates.get(link.id),
            "utilisation": rates[link.id] / link.capacity if link.id in rates else None,
            "delay_s": link.delay,
        }
        for link in sorted(network.links, key=lambda one: one.id)
    ]


def demands(view: View) -> list[Row]:
    network = view.network()
    return [
        {"from": network.name(one.ingress), "to": network.name(one.egress), "rate": one.rate}
        for one in sorted(view.demands(), key=lambda one: (one.ingress, one.egress))
    ]


def plan(view: View) -> list[Row]:
    """One row for each path of every steered pair."""
    network = view.network()
    rate = {(one.ingress, one.egress): one.rate for one in view.demands()}
    return [
        {
            "from": network.name(route.ingress),
            "to": network.name(route.egress),
            "share": share.weight / WEIGHT_TOTAL,
            "path": path_names(network, share.path),
            "demand": rate.get(route.pair),
        }
        for route in sorted(view.installed(), key=lambda one: one.pair)
        for share in route.shares
    ]


def decision_row(decision: Decision) -> Row:
    """Summarise a decision; figures of the outcome are None until it is known.

    Utilisations are None, too, where the problem was none of routes.
    """
    family = {one.backend: one.family for one in decision.candidates}.get(decision.backend)
    status = decision.outcome.status if decision.outcome else "running"
    moved = decision.outcome.moved if decision.outcome else None
    elapsed = decision.outcome.elapsed_s if decision.outcome else None
    out = decision.outcome if decision.form in ROUTES else None
    gap = out.mlu / out.bound - 1 if out and out.bound > 0 else None
    return plain(
        {
            "decision": decision.number,
            "at": decision.at,
            "application": decision.application,
            "backend": decision.backend,
            "family": family,
            "status": status,
            "mlu_before": out.mlu_before if out else None,
            "mlu": out.mlu if out else None,
            "bound": out.bound if out else None,
            "gap": gap,
            "moved": moved,
            "elapsed_s": elapsed,
            "deadline_s": decision.deadline_s,
            "reason": decision.reason,
        }
    )


def decisions(view: View, limit: int, status: str | None = None) -> list[Row]:
    """Return the latest decisions, newest first; only those of one status where one is given.

    Raises
    ------
    InputError
        There is no such status.
    """
    if status is not None and status not in STATUSES:
        raise InputError(f"status={status}: there are {', '.join(STATUSES)}")
    rows = (decision_row(one) for one in reversed(view.decisions()))
    return list(islice((row for row in rows if status in (None, row["status"])), limit))


def find_decision(decisions: Sequence[Decision], text: str) -> Decision:
    """Look up a decision by its number, or ``last``.

    Raises
    ------
    NotFound
        Names the numbers that are remembered.
    """
    if not decisions:
        raise NotFound(f"no decision {text!r}: none has been taken yet")
    if text == "last":
        return decisions[-1]
    for decision in decisions:
        if str(decision.number) == text:
            return decision
    raise NotFound(
        f"no decision {text!r}: those remembered are {decisions[0].number} to "
        f"{decisions[-1].number}"
    )


def decision(view: View, text: str) -> Row:
    """Everything recorded about one decision."""
    return decision_detail(find_decision(view.decisions(), text))


def decision_detail(one: Decision) -> Row:
    """Everything about a decision as plain values."""
    return {
        **decision_row(one),
        "features": plain(one.features),
        "candidates": plain(one.candidates),
        "form": one.form,
        "formulation": one.formulation,
        "budget_s": one.budget_s,
        "hedge": one.hedge,
        "inputs": plain(one.inputs),
        "regret": plain(one.regret),
        "outcome": plain(one.outcome),
    }


def te(view: View) -> Row:
    """Settings of traffic engineering, and the backends that may be pinned."""
    return {**plain(view.te()), "backends": sorted(view.backends())}
