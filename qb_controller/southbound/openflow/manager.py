"""The ``ryu-manager`` command of this project: Ryu's own, made to start on a current eventlet.

Ryu 4.34 imports ``eventlet.wsgi.ALREADY_HANDLED``, which eventlet removed in 0.30.3. Setting it
beforehand is all that Ryu needs; it is only used by Ryu's websocket support, which this project
does not use. Registering this project's options first lets ``--help`` list them.
"""

from __future__ import annotations

import sys
import warnings


def main() -> None:
    """Run ``ryu-manager`` with the command line as it is."""
    # Ryu is built on eventlet; that eventlet is in maintenance is no news to those who start it.
    warnings.filterwarnings("ignore", message="(?s).*Eventlet is deprecated")
    import eventlet.wsgi

    if not hasattr(eventlet.wsgi, "ALREADY_HANDLED"):
        eventlet.wsgi.ALREADY_HANDLED = object()

    from ryu import cfg
    from ryu.cmd import manager

    from qb_controller import config

    config.register(cfg.CONF)  # before the command line is read
    sys.exit(manager.main())
