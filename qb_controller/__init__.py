"""Q-Backbone: a control plane in which quantum processors work beside classical solvers."""

__version__ = "0.1.0"
