r"""The topologies for Mininet's own command line.

::

    sudo mn --custom topologies/backbones.py --topo abilene,hosts=1 --controller remote \
        --switch ovs,datapath=user,protocols=OpenFlow13 --link tc

Every name takes ``hosts=`` (per switch), ``largest=`` (Mbit/s that the largest link becomes),
``queue=`` (packets) and ``prefix=`` (put before all names); ``fattree`` also takes ``k=``,
``ring`` also ``n=``, ``file`` takes ``path=``. Links are shaped by the topology itself. Delays
need :mod:`topologies.live`.
"""

from __future__ import annotations

import os
import sys

# mn --custom runs this text with exec and no __file__; the compiled code remembers the path.
HERE = os.path.dirname(os.path.abspath(sys._getframe().f_code.co_filename))
if os.path.dirname(HERE) not in sys.path:
    sys.path.insert(0, os.path.dirname(HERE))

from collections.abc import Callable  # noqa: E402

from topologies import load, scaled  # noqa: E402
from topologies.addressing import plan  # noqa: E402
from topologies.builtin import FIXED  # noqa: E402
from topologies.mininet_parts import BackboneTopo  # noqa: E402


def backbone(
    name: str, hosts: int = 1, largest: float = 10.0, queue: int = 50, prefix: str = ""
) -> BackboneTopo:
    """Mininet topology of a name or a file, its largest link scaled to ``largest`` Mbit/s."""
    planned = plan(scaled(load(name), largest * 1e6), hosts, str(prefix))
    return BackboneTopo(planned, queue=queue)


def _fixed(name: str) -> Callable[..., BackboneTopo]:
    return lambda **options: backbone(name, **options)


topos: dict[str, Callable[..., BackboneTopo]] = {
    **{name: _fixed(name) for name in FIXED},
    "fattree": lambda k=4, **options: backbone(f"fattree:{k}", **options),
    "ring": lambda n=6, **options: backbone(f"ring:{n}", **options),
    "file": lambda path, **options: backbone(path, **options),
}
