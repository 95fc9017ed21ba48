"""Endpoints of quantum jobs; bodies travel unread to the process that runs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qb_controller.northbound import params
from qb_controller.northbound.view import View

MOST = 1000
"""Rows of a list."""

Answer = tuple[int, str]
"""Status code and JSON."""

Row = tuple[str, str, str, Callable[[Any], Answer], dict[str, Any]]


def endpoints(view: View) -> list[Row]:
    """Method, path, meaning, answer and further attributes of each endpoint."""
    path, one = "/v1/jobs", "/v1/jobs/<name>"

    def listed(call: Any) -> Answer:
        return view.jobs("list", str(params.limit(call.query, 100, MOST)), b"")

    return [
        ("GET", path, "quantum jobs, newest first", listed, {"query": ("limit",)}),
        (
            "POST",
            path,
            "run a circuit before a deadline: circuit, observable, shots, deadline_s, fidelity, "
            "seed, label, key (sent again with the same key it stays one job)",
            lambda call: view.jobs("submit", "", call.data),
            {"unread": params.MAX_JOB},
        ),
        (
            "GET",
            one,
            "a quantum job: value, error bar, where each fragment ran",
            lambda call: view.jobs("show", call.name, b""),
            {},
        ),
        (
            "DELETE",
            one,
            "cancel a quantum job",
            lambda call: view.jobs("cancel", call.name, b""),
            {"bodiless": True},
        ),
    ]
