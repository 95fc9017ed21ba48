"""Every error this project raises on purpose.

::

    QBError                 something a person can mend; its text names what is wrong and where
    ├── ConfigError         an option or a configuration key
    ├── InputError          a file, a name or a value that the caller handed in
    │   ├── NotFound        a name that nothing in the network or the records carries
    │   └── Conflict        a name that is taken
    ├── VerificationError   a plan that breaks a rule of the network it was made for
    ├── InstallError        a switch that refused or did not answer a rule change
    └── OptimiserError      the optimiser process is not there or gave no answer

``topologies`` and ``quantum_backends`` are usable without this package and raise ``ValueError``
with the same kind of text; the command line reports both in one line.
"""

from __future__ import annotations


class QBError(Exception):
    """Base of all errors of this project."""


class ConfigError(QBError):
    """An option or a configuration key is unknown or out of range."""


class InputError(QBError, ValueError):
    """A file, a name or a value handed in from outside is wrong."""


class NotFound(InputError):
    """Nothing in the network or in the records has the given name."""


class Conflict(InputError):
    """The name is taken by something else."""


class VerificationError(QBError):
    """A plan breaks a rule of the network it was made for."""


class InstallError(QBError):
    """A switch refused a rule change or did not answer it."""


class OptimiserError(QBError):
    """The optimiser process is missing or gave no answer."""
