"""Options of the controller, declared with oslo.config as Ryu's own are.

``ryu-manager --help`` lists them and ``--config-file`` may set them (under ``[DEFAULT]``,
``qb_backend = highs-lp``).
"""

from __future__ import annotations

import configparser
import difflib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from oslo_config import cfg

from qb_controller.errors import ConfigError
from qb_controller.state import FOLDER

OPTIONS: tuple[Any, ...] = (
    cfg.StrOpt(
        "qb-topology",
        default=None,
        help="Capacities and host names come from this topology: a built-in name (abilene, "
        "fattree:4, ...) or a file (REPETITA, GraphML, SNDlib). Without it every link has "
        "--qb-capacity and hosts are named after their MAC address.",
    ),
    cfg.FloatOpt(
        "qb-largest",
        default=10e6,
        min=1e3,
        help="Scale --qb-topology so that its largest link has this many bit/s, as the Mininet "
        "scripts do (default: 10e6).",
    ),
    cfg.FloatOpt(
        "qb-capacity",
        default=10e6,
        min=1e3,
        help="Capacity in bit/s of links that --qb-topology does not know (default: 10e6).",
    ),
    cfg.BoolOpt(
        "qb-te", default=True, help="Optimise from the start; otherwise shortest paths only."
    ),
    cfg.StrOpt(
        "qb-backend",
        default=None,
        help="Pin one backend (highs-lp, highs-mip, local-search, sa-blocks, qaoa-blocks ...) "
        "instead of letting the policy choose.",
    ),
    cfg.ListOpt(
        "qb-forbid",
        default=[],
        help="Backends or families (classical, annealer, gate) that must not be used, with commas; "
        "te:annealer forbids one application alone.",
    ),
    cfg.FloatOpt(
        "qb-energy-per-hour",
        default=None,
        min=0,
        help="Joules that solvers may use up for an application within an hour (default: no "
        "limit).",
    ),
    cfg.FloatOpt(
        "qb-money-per-hour",
        default=None,
        min=0,
        help="Money that devices may cost for an application within an hour, in the currency of "
        "their price (default: no limit).",
    ),
    cfg.BoolOpt("qb-split", default=False, help="Plans may split a pair over several paths."),
    cfg.FloatOpt(
        "qb-deadline",
        default=0.5,
        min=0.01,
        max=60,
        help="Seconds from snapshot to verified plan (default: 0.5).",
    ),
    cfg.FloatOpt(
        "qb-slice-window",
        default=0.2,
        min=0,
        max=60,
        help="Seconds that requests for slices are gathered to be decided together (default: 0.2).",
    ),
    cfg.FloatOpt(
        "qb-slice-deadline",
        default=1.0,
        min=0.1,
        max=60,
        help="Seconds that a decision about slices may take (default: 1).",
    ),
    cfg.FloatOpt(
        "qb-interval",
        default=1.0,
        min=0.2,
        max=60,
        help="Telemetry interval in seconds (default: 1).",
    ),
    cfg.FloatOpt(
        "qb-counter-lag",
        default=0.5,
        min=0.01,
        max=60,
        help="Seconds that the switches' counters may be behind: what differs by less is not taken "
        "for a change of the traffic (default: 0.5, Open vSwitch's max-revalidator; "
        "topologies.live sets that to 0.1).",
    ),
    cfg.FloatOpt(
        "qb-drain",
        default=1.0,
        min=0.05,
        max=60,
        help="Seconds that old labels stay after a re-route, for packets under way (default: 1).",
    ),
    cfg.StrOpt(
        "qb-state-dir",
        default=FOLDER,
        help="Where decisions and switch numbers are remembered.",
    ),
    cfg.HostAddressOpt(
        "qb-rest-host", default="127.0.0.1", help="Address of the REST API (default: loopback)."
    ),
    cfg.PortOpt("qb-rest-port", default=8181, help="Port of the REST API (default: 8181)."),
)


def register(conf: Any) -> None:
    """Add the options to a ``ConfigOpts`` (Ryu has one of its own); twice does no harm."""
    if OPTIONS[0].dest not in conf:  # once the command line is read, even repeating it is an error
        conf.register_cli_opts(OPTIONS)


def check_backends(conf: Any, families: Mapping[str, str]) -> None:
    """Refuse names of backends that do not exist; nothing would ever match them.

    Parameters
    ----------
    conf : ConfigOpts
    families : mapping of str to str
        Family of each backend that exists.

    Raises
    ------
    ConfigError
        Names the option, the value and the nearest existing one.
    """
    known = {*families, *families.values()}
    for name in conf.qb_forbid:
        _check_name("qb_forbid", name.rpartition(":")[2], known)
    if conf.qb_backend is not None:
        _check_name("qb_backend", conf.qb_backend, set(families))


def _check_name(option: str, name: str, known: Collection[str]) -> None:
    if name in known:
        return
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"
    raise ConfigError(f"{option}: no such backend {name!r}; {hint}")


def check_config_files(files: Sequence[str]) -> None:
    """Refuse configuration keys of ours that do not exist; oslo.config ignores them silently.

    Parameters
    ----------
    files : sequence of str
        Paths of the configuration files in use.

    Raises
    ------
    ConfigError
        Names the file, the key and the nearest existing one.
    """
    known = [option.dest for option in OPTIONS]
    for file in files:
        parser = configparser.ConfigParser(interpolation=None, strict=False, allow_no_value=True)
        try:
            parser.read_string(Path(file).read_text())
        except configparser.Error as error:
            raise ConfigError(f"{file}: {error}") from None
        for section in ("DEFAULT", *parser.sections()):
            for key in parser[section]:
                dest = key.replace("-", "_")
                if not dest.startswith("qb_") or dest in known:
                    continue
                near = difflib.get_close_matches(dest, known, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise ConfigError(f"{file}: [{section}] {key}: no such option{hint}")
