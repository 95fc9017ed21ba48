from __future__ import annotations

from pathlib import Path

import pytest

from quantum_backends.cutting.observable import check
from quantum_backends.cutting.qasm import read

HEAD2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\n'
DOUBLED = "".join(f"gate g{i + 1} a {{g{i} a; g{i} a;}}\n" for i in range(40))
NESTED = "".join(f"gate g{i + 1} a {{g{i} a;}}\n" for i in range(3000))
HEAD3 = 'OPENQASM 3;\ninclude "stdgates.inc";\nqubit[2] q;\n'


@pytest.mark.parametrize(
    "text",
    [
        HEAD2 + "creg c[2];\nh q[0];\ncx q[0],q[1];\nmeasure q -> c;\n",
        HEAD3 + "bit[2] c;\nh q[0];\ncx q[0], q[1];\nc = measure q;\n",
        "// a comment first\n" + HEAD2 + "h q[0];\ncx q[0],q[1];\n",
    ],
)
def test_both_versions_without_their_measurements(text: str) -> None:
    circuit = read(text, "bell.qasm")
    assert dict(circuit.count_ops()) == {"h": 1, "cx": 1}
    assert circuit.num_clbits == 0


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (HEAD2 + "h q[0];\ncx q[0],q[5];\n", "f.qasm: line 5: index 5 is out-of-range"),
        ("OPENQASM 2.0;\nqreg q[2]\nh q[0];\n", "f.qasm: line 3: needed ';'"),
        (HEAD2 + "foo q[0];\n", "f.qasm: line 4: 'foo' is not defined"),
        (HEAD3 + "h q[0];\ncx q[0], r[1];\n", "f.qasm: line 5: Undefined symbol 'r'"),
        ("OPENQASM 3;\nqubit[2] q\nh q[0];\n", "f.qasm: line 3: "),
        ("garbage", "f.qasm: line 1: want OPENQASM"),
        ("", "f.qasm: line 1: want OPENQASM"),
        ("OPENQASM 4;", "f.qasm: OPENQASM 4: there are 2 and 3"),
        (HEAD2, "f.qasm: a circuit without gates"),
        (HEAD2 + "creg c[1];\nh q[0];\nmeasure q[0] -> c[0];\nh q[0];\n", "before the end"),
        (HEAD3 + "input float a;\nrx(a) q[0];\n", "open parameters: a"),
        ('OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[99];\nh q;\n', "99 qubits"),
        (HEAD2 + "qreg r[99999999];\n", "f.qasm: line 4: more than 10000 qubits and bits"),
        (HEAD3 + "qubit[99_999_999] r;\n", "f.qasm: line 4: more than 10000 qubits and bits"),
        (HEAD2 + "gate g0 a {h a;}\n" + DOUBLED + "g40 q[0];\n", "more than 50000 gates once"),
        (HEAD2 + "gate g0 a {h a;}\n" + NESTED + "g3000 q[0];\n", "nested too deeply"),
        (HEAD2 + "rx(10^400) q[0];\n", "an angle that is no finite number"),
        (HEAD3 + "for int i in [0:3] { h q[0]; }\n", "for_loop before the end"),
        (HEAD3 + "box { h q[0]; }\n", "box before the end"),
        (HEAD2 + "creg c[1];\nmeasure q[0] -> c[0];\nif (c==1) x q[1];\n", "before the end"),
    ],
)
def test_errors_name_file_and_line(text: str, named: str) -> None:
    with pytest.raises(ValueError) as error:
        read(text, "f.qasm")
    assert named in str(error.value)


def test_files_of_this_machine_are_not_read(tmp_path: Path) -> None:
    file = tmp_path / "secret.inc"
    file.write_text("hunter2;\n")
    with pytest.raises(ValueError, match="line 1: unable to find") as error:
        read(f'OPENQASM 2.0; include "{file}"; qreg q[1];', "f.qasm")
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("observable", "named"),
    [("ZZZ", "3 letters, the circuit 2"), ("ZQ", "letter 'Q'"), ("II", "all letters are I")],
)
def test_observables_that_do_not_fit(observable: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        check(observable, 2)


def test_letters_may_be_small() -> None:
    assert check("zx", 2) == "ZX"
