"""Every parameter of the simulated quantum cloud, from one YAML file."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from qb_controller.errors import InputError

Settings = Mapping[str, Any]
"""As the YAML holds it, checked against ``defaults.yaml``: same keys, same kinds of values."""


@functools.cache
def defaults() -> Settings:
    """The parameters that ship with this project."""
    return dict(yaml.safe_load(defaults_text()))


def defaults_text() -> str:
    """The file itself, comments included."""
    return (resources.files(__package__) / "defaults.yaml").read_text(encoding="utf-8")


def read(path: Path | None) -> Settings:
    """Parameters of a file laid over the defaults; it need not name them all.

    Raises
    ------
    InputError
        The file cannot be read, or a key or the kind of a value is wrong; names file and key.
    """
    if path is None:
        return defaults()
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot read: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}: {' '.join(str(error).split())}") from None
    found: Settings = _over(defaults(), given or {}, f"{path}:")
    _check(found, f"{path}:")
    return found


def _check(found: Settings, where: str) -> None:
    """What single numbers cannot tell."""
    families, fleet = found["workload"]["families"], found["fleet"]
    weights = list(families.values())
    if not all(isinstance(each, int | float) and each >= 0 for each in weights) or not sum(weights):
        raise InputError(f"{where} workload: families: {families}: want weights above zero")
    for name, (least, _) in (("qubits", fleet["qubits"]), ("qubits", found["workload"]["qubits"])):
        if least < 1:
            raise InputError(f"{where} {name}: {least}: want 1 or more")
    for name, value in fleet["synthetic"].items():
        if isinstance(value, list) and not value[0] > 0:
            raise InputError(f"{where} fleet: synthetic: {name}: {value}: want numbers above zero")
    every, takes = fleet["calibrate_every_s"], fleet["calibrate_takes_s"]
    if every and not takes < every:
        raise InputError(f"{where} fleet: calibrate_takes_s: {takes}: want less than {every}")
    share = found["arrivals"]["burst_share"]
    if not 0 < share < 1:
        raise InputError(f"{where} arrivals: burst_share: {share}: want more than 0, less than 1")


_FREE = ("families",)
"""Keys whose value may name things that the defaults do not."""

_RANGES = (
    *("overhead_s", "gate_error", "readout_error", "two_qubit_s", "readout_s", "rep_delay_s"),
    *("drift_per_hour", "fidelity", "qubits"),
)
"""Keys whose value is drawn from: the least and the most."""


def _over(base: Any, given: Any, where: str) -> Any:
    if isinstance(base, dict):
        if not isinstance(given, dict):
            raise InputError(f"{where} {given!r}: want a mapping of {', '.join(base)}")
        found = dict(base)
        for key, value in given.items():
            if key not in base:
                raise InputError(f"{where} {key}: no such key; there are {', '.join(base)}")
            free = key in _FREE and isinstance(value, dict)
            found[key] = value if free else _over(base[key], value, f"{where} {key}:")
            if key in _RANGES and (len(value) != 2 or value[0] > value[1]):
                raise InputError(f"{where} {key}: {value!r}: want the least and the most")
        return found
    numbers = isinstance(base, int | float) and not isinstance(base, bool)
    if numbers and isinstance(given, int | float) and not isinstance(given, bool) and given >= 0:
        return given
    lists = isinstance(base, list) and isinstance(given, list) and given
    if lists and all(isinstance(each, int | float) and each >= 0 for each in given):
        return given
    if isinstance(base, str) and isinstance(given, str):
        return given
    kind = "a list of numbers" if isinstance(base, list) else "a number, not below zero"
    raise InputError(f"{where} {given!r}: want {'text' if isinstance(base, str) else kind}")
