"""Solvers for the optimisation problems of networks: classical, annealing and gate-based.

Usable with no network and no controller. A problem is a frozen object of one *form*; a backend
says which forms it takes, why it refuses a problem, and answers within a budget::

    from quantum_backends.candidates import with_candidates
    from quantum_backends.registry import BACKENDS
    from quantum_backends.solver import Budget
    from quantum_backends.testing import random_problem

    problem = with_candidates(random_problem(n_nodes=12, chords=2, seed=1))
    answer = BACKENDS["path-switch"].solve(problem, Budget(seconds=0.5), seed=1)
    print(answer.value, problem.bound, answer.info)

Where things are:

============  ================================  ==================================================
form          problem                           what belongs to it
============  ================================  ==================================================
``routing``   :mod:`.routing`                   :mod:`.candidates` :mod:`.equilibrium`
                                                :mod:`.master` :mod:`.bounds` (paths and bounds),
                                                :mod:`.objective`, :mod:`.search` :mod:`.kernels`
                                                :mod:`.walk` :mod:`.metropolis` (single paths),
                                                :mod:`.reweighting`, :mod:`.blocks`
``flow``      :mod:`.flow`                      :mod:`.flow_paths`, :mod:`.flow_kernels`
``choices``   :mod:`.choices`                   :mod:`.choice_search`, :mod:`.choice_kernels`,
                                                :mod:`.heat_bath`
``packing``   :mod:`.packing`                   :mod:`.packing_search`, :mod:`.packing_kernels`,
                                                :mod:`.packing_lp`
``schedule``  :mod:`.schedules`                 :mod:`.schedule_search`, :mod:`.schedule_kernels`,
                                                :mod:`.schedule_lines`, :mod:`.schedule_places`,
                                                :mod:`.schedule_instances`
``bqm``       :mod:`.bqm`                       :mod:`.sampling`, :mod:`.descent`
``program``   :mod:`.program`                   linear and mixed-integer programs
``circuits``  :mod:`.circuit_batch`             :mod:`.cutting`, :mod:`.gate.qpus` (run, not solved)
============  ================================  ==================================================

:mod:`.problem`, :mod:`.solution`, :mod:`.solver` and :mod:`.registry` are the contract;
:mod:`.testing` checks it, for a third party's backend too; :mod:`.best` keeps the best answer of
a call. :mod:`.reductions` lead from one form to another and back. ``classical``, ``annealing`` and
``gate`` hold one file per method or vendor; :mod:`.devices` says what stands behind a backend: its
status, time, energy and price.
"""
