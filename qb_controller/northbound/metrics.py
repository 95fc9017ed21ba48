"""Metrics in the text format of Prometheus (exposition format 0.0.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import get_args

from qb_controller import __version__
from qb_controller.model.slices import State
from qb_controller.northbound.resources import ROUTES, mlu
from qb_controller.northbound.view import View

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Metric:
    """One metric: its name, type (``gauge`` or ``counter``), meaning, and samples."""

    name: str
    kind: str
    meaning: str
    samples: tuple[tuple[Mapping[str, str], float], ...] = field(default=())


def render(metrics: Iterable[Metric]) -> str:
    lines = []
    for metric in metrics:
        lines.append(f"# HELP {metric.name} {_escaped(metric.meaning, quote=False)}")
        lines.append(f"# TYPE {metric.name} {metric.kind}")
        for labels, value in metric.samples:
            inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
            lines.append(f"{metric.name}{'{' + inside + '}' if inside else ''} {float(value)!r}")
    return "\n".join(lines) + "\n"


def _escaped(text: str, quote: bool = True) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quote else text


def collect(view: View) -> list[Metric]:
    """Read every metric from the view; asks no switch."""
    return [*_process(view), *_network(view), *_slices(view), *_counters(view)]


def _one(name: str, kind: str, meaning: str, value: float | None) -> Metric:
    return Metric(name, kind, meaning, () if value is None else (({}, value),))


def _process(view: View) -> list[Metric]:
    status, te = view.status(), view.te()
    optimiser = status.optimiser
    stall = "How late the event loop woke."
    return [
        Metric("qb_info", "gauge", "Version.", (({"version": __version__}, 1),)),
        _one("qb_start_time_seconds", "gauge", "Start, Unix time.", status.started_at),
        _one("qb_settled", "gauge", "0 while an update is being installed.", status.settled),
        _one(
            "qb_telemetry_interval_seconds",
            "gauge",
            "Between two readings of the counters.",
            status.telemetry_interval_s,
        ),
        _one("qb_hub_stall_p99_seconds", "gauge", stall, status.hub_stall_p99_s),
        _one("qb_hub_stall_max_seconds", "gauge", stall, status.hub_stall_max_s),
        _one("qb_optimiser_up", "gauge", "1 while the optimiser process runs.", optimiser.up),
        _one(
            "qb_optimiser_restarts_total",
            "counter",
            "Times it was started again.",
            optimiser.restarts,
        ),
        _one("qb_cycles_total", "counter", "Cycles answered.", optimiser.cycles),
        _one(
            "qb_last_cycle_seconds",
            "gauge",
            "Request to last flow-mod of the latest cycle.",
            optimiser.last_cycle_s,
        ),
        _one("qb_te_enabled", "gauge", "1 while traffic engineering is on.", te.enabled),
        _one("qb_te_deadline_seconds", "gauge", "Snapshot to verified plan.", te.deadline_s),
    ]


def _network(view: View) -> list[Metric]:
    network, rates, decisions = view.network(), view.link_rates(), view.decisions()
    rate, use = [], []
    for link in network.links:
        labels = {
            "from": network.name(link.src),
            "to": network.name(link.dst),
            "port": str(link.src_port),
        }
        if link.id in rates:
            rate.append((labels, rates[link.id]))
            use.append((labels, rates[link.id] / link.capacity))
    routed = [one for one in decisions if one.form in ROUTES]
    outcome = routed[-1].outcome if routed else None
    return [
        _one("qb_switches", "gauge", "Connected switches.", len(network.switches)),
        _one("qb_links", "gauge", "Directed links.", len(network.links)),
        _one("qb_hosts", "gauge", "Known hosts.", len(network.hosts)),
        _one("qb_mlu", "gauge", "Measured maximum link utilisation.", mlu(view)),
        _one(
            "qb_offered_bits_per_second",
            "gauge",
            "Sum of all demands.",
            sum(demand.rate for demand in view.demands()),
        ),
        Metric("qb_link_bits_per_second", "gauge", "Measured at the sending port.", tuple(rate)),
        Metric("qb_link_utilisation", "gauge", "Rate over capacity.", tuple(use)),
        _one(
            "qb_last_decision_number",
            "gauge",
            "Number of the latest decision.",
            decisions[-1].number if decisions else None,
        ),
        _one(
            "qb_last_decision_bound",
            "gauge",
            "Lower bound on the MLU in the latest one about routes.",
            outcome.bound if outcome else None,
        ),
        _one(
            "qb_last_decision_mlu", "gauge", "The MLU it expects.", outcome.mlu if outcome else None
        ),
    ]


def _slices(view: View) -> list[Metric]:
    """How many slices there are, and what each running one is promised and given."""
    count = dict.fromkeys(get_args(State), 0)
    for one in view.slices():
        count[one.state] += 1
    states = tuple(({"state": state}, float(n)) for state, n in count.items())
    promised, offered, delivered, loss, kept = [], [], [], [], []
    latency, error, silent = [], [], []
    for name, found in sorted(view.delivered().items()):
        kept.append(({"slice": name}, 0.0 if found.violation else 1.0))
        for pipe in found.pipes:
            labels = {"slice": name, "from": pipe.ends.src, "to": pipe.ends.dst}
            promised.append((labels, pipe.promised))
            offered += [] if pipe.offered is None else [(labels, pipe.offered)]
            delivered += [] if pipe.delivered is None else [(labels, pipe.delivered)]
            loss += [] if pipe.loss is None else [(labels, pipe.loss)]
            if pipe.latency is not None:
                silent.append((labels, float(pipe.latency.silent)))
                if pipe.latency.seconds is not None:
                    latency.append((labels, pipe.latency.seconds))
                    error.append((labels, pipe.latency.error_s))
    return [
        Metric("qb_slices", "gauge", "Slices by state.", states),
        Metric("qb_slice_kept", "gauge", "1 while all promised is kept.", tuple(kept)),
        Metric("qb_slice_promised_bits_per_second", "gauge", "Committed.", tuple(promised)),
        Metric("qb_slice_offered_bits_per_second", "gauge", "At the ingress.", tuple(offered)),
        Metric("qb_slice_delivered_bits_per_second", "gauge", "At the egress.", tuple(delivered)),
        Metric("qb_slice_loss", "gauge", "Share lost within the promise.", tuple(loss)),
        Metric("qb_slice_latency_seconds", "gauge", "Measured by probes.", tuple(latency)),
        Metric("qb_slice_latency_uncertainty_seconds", "gauge", "Either way.", tuple(error)),
        Metric("qb_slice_probes_silent", "gauge", "Lost in a row, up to now.", tuple(silent)),
        _one("qb_slice_events_total", "counter", "Events of slices.", view.newest_event()),
    ]


def _counters(view: View) -> list[Metric]:
    return [
        _one(
            f"qb_{re.sub(r'[^a-zA-Z0-9_]', '_', name)}_total", "counter", f"Total of {name}.", value
        )
        for name, value in sorted(view.status().counters.items())
    ]
