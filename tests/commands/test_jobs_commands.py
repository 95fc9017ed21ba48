"""`qb jobs` as a person runs it: against a controller's interface, and without a controller."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from qb_controller.applications.jobs.live import devices
from qb_controller.cli import main
from qb_controller.commands.bench_jobs_live import mix
from qb_controller.commands.jobs_live import duration
from qb_controller.errors import InputError
from quantum_backends.cutting.library import circuit_of
from tests.applications.jobs.live.small import fleet
from tests.commands.conftest import Ran
from tests.northbound.still import StillView

BELL = """OPENQASM 2.0;
include "qelib1.inc";
qreg q[2];
creg c[2];
h q[0];
cx q[0],q[1];
measure q -> c;
"""


@pytest.fixture
def bell(tmp_path: Path) -> str:
    file = tmp_path / "bell.qasm"
    file.write_text(BELL)
    return str(file)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    monkeypatch.setattr(devices, "fleet", fleet)

    def call(*argv: str) -> Ran:
        code = main(argv)
        text = capsys.readouterr()
        return Ran(code, text.out, text.err)

    return call


def submit(circuit: str, **options: str) -> list[str]:
    given = {"shots": "100", "observable": "ZZ", "deadline": "60s"} | options
    pairs = [f"--{name}={value}" for name, value in given.items()]
    return ["jobs", "submit", circuit, *pairs, "--local"]


def test_a_file_is_run_without_a_controller_and_kept(
    run: Callable[..., Ran], bell: str, tmp_path: Path
) -> None:
    state = str(tmp_path / "state")
    ran = run(*submit(bell, shots="4000", state=state), "--json")
    assert ran.code == 0, ran.err
    told = ran.json
    assert told["status"] == "done"
    assert told["on_time"] is True
    assert told["value"] == pytest.approx(1, abs=4 * told["error"])
    assert told["meta"]["libraries"]["qiskit-aer"]
    listed = run("jobs", "list", "--local", "--state", state, "--json")
    assert [(row["job"], row["circuit"]) for row in listed.json] == [("j1", "bell.qasm")]
    shown = run("jobs", "show", "j1", "--local", "--state", state)
    assert "<ZZ>" in shown.out
    assert "modelled" in shown.out
    assert "simulated (Aer" in shown.out
    over = run("jobs", "cancel", "j1", "--local", "--state", state)
    assert over.code == 2
    assert "j1 is done already" in over.err


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"shots": "0"}, "shots: want 1 to"),
        ({"observable": "ZZZ"}, "observable: 'ZZZ' has 3 letters, the circuit 2 qubits"),
        ({"deadline": "-5s"}, "deadline_s: -5 is in the past"),
        ({"deadline": "soon"}, "--deadline soon: want a duration"),
        ({"deadline": "0.1s", "shots": "9000"}, "the earliest possible is"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_kept(
    run: Callable[..., Ran], bell: str, tmp_path: Path, options: dict[str, str], named: str
) -> None:
    state = str(tmp_path / "state")
    ran = run(*submit(bell, state=state, **options))
    assert ran.code == 2
    assert named in ran.err
    assert ran.out == ""
    assert run("jobs", "list", "--local", "--state", state, "--json").json == []


def test_broken_files_are_named_with_their_line(run: Callable[..., Ran], tmp_path: Path) -> None:
    file = tmp_path / "broken.qasm"
    file.write_text(BELL.replace("cx q[0],q[1]", "cx q[0],q[7]"))
    ran = run(*submit(str(file)))
    assert ran.code == 2
    assert "broken.qasm: line 6: index 7 is out-of-range" in ran.err
    missing = run(*submit(str(tmp_path / "missing.qasm")))
    assert "missing.qasm: cannot read" in missing.err


def test_a_controller_is_asked(qb: Callable[..., Ran], view: StillView, bell: str) -> None:
    ran = qb("jobs", "list", "--limit", "7", "--json")
    assert ran.json == [{"action": "list", "name": "7"}]
    assert qb("jobs", "list").code == 0
    options = ("--shots=9", "--observable=ZZ", "--deadline=9s", "--no-wait", "--json")
    assert qb("jobs", "submit", bell, *options).json["status"] == "waiting"
    sent = json.loads(view.asked)
    assert sent["circuit"] == BELL
    assert (sent["label"], sent["shots"], sent["deadline_s"]) == ("bell.qasm", 9, 9.0)


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "99999999999999999999"])
def test_limits_are_the_same_with_and_without_a_controller(
    run: Callable[..., Ran], qb: Callable[..., Ran], tmp_path: Path, limit: str
) -> None:
    for listed in (
        run("jobs", "list", "--local", f"--state={tmp_path}", f"--limit={limit}"),
        qb("jobs", "list", f"--limit={limit}"),
    ):
        assert listed.code == 2
        assert f"limit={limit}: want a whole number from 1 to 1000" in listed.err


def test_names_that_are_none_reach_the_controller_as_they_are(
    qb: Callable[..., Ran], view: StillView
) -> None:
    for name in ("j1 2", "j\u00e9", "j1?x=1"):
        ran = qb("jobs", "show", name, "--json")
        assert ran.json["name"] == name, ran.err


def test_only_a_real_device_is_called_one(
    run: Callable[..., Ran], bell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = str(tmp_path / "state")
    ran = run(*submit(bell, state=state), "--json").json["fragments"][0]["ran"][0]
    left = fleet()
    names = [name for name in left.backends if name != ran["qpu"]]
    qpus = tuple(qpu for qpu in left.qpus if qpu.name in names)
    backends = {name: left.backends[name] for name in names}
    monkeypatch.setattr(devices, "fleet", lambda: devices.Fleet(left.spec, backends, qpus))
    shown = run("jobs", "show", "j1", "--local", "--state", state).out
    assert "a QPU that is not there any more" in shown
    assert "real device" not in shown


@pytest.mark.parametrize(
    ("text", "seconds"), [("60", 60), ("60s", 60), ("1.5min", 90), ("2h", 7200), ("250ms", 0.25)]
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text, "--deadline") == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "1 year", "1e3s", "--"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(InputError):
        duration(text, "--deadline")


def test_the_mix_is_the_same_for_a_seed_and_one_in_four_is_too_wide() -> None:
    asked = mix(40, 3)
    assert asked == mix(40, 3)
    assert asked[:15] == mix(15, 3)
    qubits = [circuit_of(one.circuit).num_qubits for one in asked]
    assert sum(width > 8 for width in qubits) == 10
    assert all(len(one.observable) == width for one, width in zip(asked, qubits, strict=True))
