"""Quantum jobs before their deadlines: who runs what where, in simulation and live.

===================  =========================================================================
:mod:`.settings`     every parameter, from one YAML file (``defaults.yaml``)
:mod:`.fleet`        quantum computers, out of IBM's calibrations and a synthetic family
:mod:`.workload`     requests out of families of circuits, by statistics
:mod:`.simulator`    arrivals, outages, noise; one run of one scheduler
:mod:`.formulate`    a state as an optimisation problem (form ``schedule``) and back
:mod:`.ours`         the scheduler of this project; :mod:`.prices` what machine time is worth
:mod:`.timing`       the earliest end of a request
:mod:`.admission`    what can no longer be in time; a baseline that refuses it
:mod:`.rules`        FIFO, EDF, least slack, greedy, least busy
:mod:`.notads`       fidelity first under a time limit
:mod:`.annealing`    simulated annealing over shots and dependencies, and its ablations
:mod:`.schedulers`   all of them by name
:mod:`.bounds`       what no scheduler can exceed; the optimum of small instances
===================  =========================================================================
"""
