"""A WSGI application served by eventlet, so that requests share the controller's event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import eventlet
import eventlet.wsgi

from qb_controller.errors import ConfigError


class _Quiet:
    """eventlet's access log is not wanted; errors are logged by the application itself."""

    def write(self, text: str) -> None:
        """Drop it."""


def serve(application: Callable[..., Any], host: str, port: int) -> Any:
    """Start serving in a greenlet of its own.

    Returns
    -------
    greenlet
        Kill it to stop.

    Raises
    ------
    ConfigError
        The address cannot be used; the text names it and why.
    """
    try:
        listener = eventlet.listen((host, port), reuse_port=False)  # not shared with another one
    except OSError as error:
        raise ConfigError(f"--qb-rest-host {host} --qb-rest-port {port}: {error}") from None
    return eventlet.spawn(
        eventlet.wsgi.server,
        listener,
        application,
        log=_Quiet(),
        log_output=False,
        debug=False,
        minimum_chunk_size=1,  # an event is not kept back until there are more
    )
