"""The optimiser's service, lent to applications that ask about problems of one form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from qb_controller.orchestration.service import Service
from quantum_backends.testing import known_problems


def _nothing() -> None:
    pass


@dataclass
class Lending:
    """Gives the service; before the first time it loads what problems of the form need.

    So no deadline pays for it, and networks without such problems never do.

    Parameters
    ----------
    borrow : callable
        Gives the service, with nothing running in the background.
    form : str
        Of the problems.
    warm : callable
        Compiles what the application itself uses.
    """

    borrow: Callable[[], Service]
    form: str
    warm: Callable[[], None] = _nothing
    _warm: bool = field(default=False, init=False)

    def __call__(self) -> Service:
        service = self.borrow()
        if not self._warm:
            self.warm()
            for name in service.advisor.backends:
                service.refusal(name, known_problems(self.form)[0])
            self._warm = True
        return service
