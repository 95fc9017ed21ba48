"""The ``ryu-manager`` command of this project: Ryu's own, made to start on a current eventlet.

Importing this package mends what Ryu misses; registering the options beforehand lets ``--help``
list them.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run ``ryu-manager`` with the command line as it is."""
    import eventlet

    eventlet.monkey_patch()  # before anything makes a lock that would stay a thread's
    from ryu import cfg
    from ryu.cmd import manager

    from qb_controller import config

    config.register(cfg.CONF)
    sys.exit(manager.main())
