"""Circuit cutting: expectation values of circuits wider than the computer they run on.

From a circuit and a Pauli observable to a value with its error bar::

    from quantum_backends.cutting.library import circuit_of
    from quantum_backends.cutting.plans import cut, whole
    from quantum_backends.cutting.run import run_exactly

    circuit, observable = circuit_of("ghz:8"), "Z" * 8
    plan = cut(circuit, observable, widths=(5, 4))[0]
    print(plan, run_exactly(plan))

Where things are:

====================  ============================================================================
:mod:`.library`       families of circuits, from Qiskit's own library
:mod:`.qasm`          OpenQASM 2 and 3, with errors that name file and line
:mod:`.observable`    Pauli strings, and the gates of a circuit that one can feel
:mod:`.finding`       where to cut: qiskit-addon-cutting's search, and one for unequal widths
:mod:`.mub`           measure-and-prepare bases for wires cut with classical communication
:mod:`.pieces`        fragments, their holes and their overhead
:mod:`.split`         a circuit taken apart at its cuts
:mod:`.plans`         the ways to cut a circuit for computers of given widths
:mod:`.experiments`   the circuits of a fragment and how shots are dealt out to them
:mod:`.reconstruct`   from counts to value and error bar
:mod:`.run`           a whole plan in this process, exactly or with shots
====================  ============================================================================

Cuts without communication (gates, and wires at 16 each) are qiskit-addon-cutting's, taken apart and
put together by its own functions. What it does not have is here: widths that differ, and wires cut
with classical communication, one by one (9 each) or jointly ((2^(n+1)-1)^2 for n parallel ones).
Communication means that what a downstream fragment prepares, and how often, is what was measured
upstream; so it runs afterwards, and no plan has the lower overhead without that order.
"""
