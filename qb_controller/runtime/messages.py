"""What the controller and the optimiser say to one another.

Every message is a frozen dataclass that :mod:`qb_controller.runtime.wire` carries. No numerical
library is imported here, so that the controller stays light.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from qb_controller.model.decision import Decision
from qb_controller.model.network import Network
from qb_controller.model.plan import VerifiedPlan
from qb_controller.model.slices import Placement, SlicePlan, SliceRequest
from qb_controller.model.telemetry import NetworkSnapshot


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator decides about a cycle.

    Attributes
    ----------
    deadline_s : float
        Seconds from the request to the verified plan.
    split : bool
        Whether a pair may be carried by several paths with weights.
    pinned_backend : str or None
        Use this backend whatever the policy thinks of it; None lets the policy choose.
    forbidden : tuple of str
        Backends, or whole families, that must not be used; ``te:annealer`` forbids one
        application alone.
    min_gain : float
        Move traffic only if the MLU falls by this share of itself. Two percent is what rounding
        and one second of measurement leave in doubt on a stable matrix. Where even the lower
        bound promises less, no solver is called.
    full_mlu, full_gain : float
        From this MLU on packets are being lost, and the smaller gain is worth a move.
    quiet_mlu : float
        No solver is called below this MLU: there is nothing to relieve.
    seed : int
        Seed of the solvers that draw; the decision number is added to it.
    late_risk : float
        Highest probability of having no answer at the deadline that a backend may be chosen with.
        One in ten costs little, because what is installed stays.
    energy_per_hour_j, money_per_hour : float or None
        What solvers may use up for an application within an hour, in joules and in the currency
        of the devices' prices; None is no limit.

    Raises
    ------
    ValueError
        A value is out of its range.
    """

    deadline_s: float = 0.5
    split: bool = False
    pinned_backend: str | None = None
    forbidden: tuple[str, ...] = ()
    min_gain: float = 0.02
    full_mlu: float = 0.98
    full_gain: float = 0.01
    quiet_mlu: float = 0.05
    seed: int = 0
    late_risk: float = 0.1
    energy_per_hour_j: float | None = None
    money_per_hour: float | None = None

    def __post_init__(self) -> None:
        if not 0.01 <= self.deadline_s <= 3600:
            raise ValueError(f"deadline_s is {self.deadline_s}, must be 0.01 to 3600 seconds")
        for name in ("min_gain", "full_gain", "quiet_mlu", "late_risk"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise ValueError(f"{name} is {value}, must be at least 0 and below 1")
        for name in ("energy_per_hour_j", "money_per_hour"):
            limit = getattr(self, name)
            if limit is not None and not limit >= 0:
                raise ValueError(f"{name} is {limit}, must not be below 0")

    def of_another(self, deadline_s: float) -> Settings:
        """The same for an application other than traffic engineering.

        It has a deadline of its own, no backend is pinned, and every gain is worth an answer.
        """
        return replace(
            self,
            deadline_s=deadline_s,
            pinned_backend=None,
            min_gain=0.0,
            full_gain=0.0,
            quiet_mlu=0.0,
        )


@dataclass(frozen=True, slots=True)
class Hello:
    """First message of the optimiser: what its journal remembers.

    Attributes
    ----------
    recent : tuple of Decision
        Oldest first.
    next_decision : int
        The number that the next decision will have, unless the request asks for a higher one.
    """

    recent: tuple[Decision, ...]
    next_decision: int


@dataclass(frozen=True, slots=True)
class CycleRequest:
    """Asks for one cycle. A request that waits is replaced by a newer one and never answered.

    Attributes
    ----------
    number : int
        The controller's own count; the result repeats it.
    snapshot : NetworkSnapshot
    settings : Settings
    known_decision : int
        Highest decision number the controller has met in live rules. The new decision gets a
        higher one even where the journal was lost, so that a cookie never names two decisions.
    """

    number: int
    snapshot: NetworkSnapshot
    settings: Settings
    known_decision: int = 0


@dataclass(frozen=True, slots=True)
class CycleResult:
    """Answer to a :class:`CycleRequest`.

    Attributes
    ----------
    number : int
        Of the request.
    decision : Decision
        With its outcome.
    plan : VerifiedPlan or None
        None means: keep what is installed.
    regret : mapping of int to (mapping of str to float)
        Of earlier decisions, by number: what shadow runs have shown since the last answer, as in
        :class:`qb_controller.model.decision.Decision`.
    """

    number: int
    decision: Decision
    plan: VerifiedPlan | None
    regret: Mapping[int, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChannelsRequest:
    """Asks for the channels of a radio scenario, as a client of the REST interface sent it.

    Attributes
    ----------
    number : int
        The controller's own count; the result repeats it.
    body : bytes
        JSON, not looked at by the controller.
    """

    number: int
    body: bytes


@dataclass(frozen=True, slots=True)
class RestResult:
    """Answer to a request of a REST client that was passed on as it came.

    Attributes
    ----------
    number : int
        Of the request.
    code : int
        Status code of HTTP.
    body : str
        JSON.
    """

    number: int
    code: int
    body: str


@dataclass(frozen=True, slots=True)
class SlicesRequest:
    """Asks which slices are carried, and where.

    Attributes
    ----------
    number : int
        The controller's own count; the result repeats it.
    network : Network
    requests : tuple of SliceRequest
        All that shall be carried now, running ones included; names differ, and the network has all
        their hosts.
    numbers : mapping of str to int
        Owner number of each, by name.
    running : tuple of Placement
        Where those that are carried by now run; may use links that are gone.
    settings : Settings
    known_decision : int
        As in :class:`CycleRequest`.
    """

    number: int
    network: Network
    requests: tuple[SliceRequest, ...]
    numbers: Mapping[str, int]
    running: tuple[Placement, ...]
    settings: Settings
    known_decision: int = 0


@dataclass(frozen=True, slots=True)
class SlicesResult:
    """Answer to a :class:`SlicesRequest`.

    Attributes
    ----------
    number : int
        Of the request.
    decision : Decision or None
        With its outcome; None where the application failed before one was taken.
    plan : SlicePlan or None
        All that is carried from now on. None: no decision came about, ask again.
    refused : mapping of str to str
        Why each of the others is not, by name.
    detail : str
        Why there is no plan; empty where there is one.
    """

    number: int
    decision: Decision | None
    plan: SlicePlan | None
    refused: Mapping[str, str] = field(default_factory=dict)
    detail: str = ""


@dataclass(frozen=True, slots=True)
class JobsRequest:
    """To the jobs process: what a client of the REST interface wants of quantum jobs.

    Attributes
    ----------
    number : int
        The controller's own count; the result repeats it.
    action : str
        ``submit``, ``list``, ``show`` or ``cancel``.
    name : str
        Of the job; how many at most, of a list.
    body : bytes
        JSON, not looked at by the controller.
    """

    number: int
    action: str
    name: str = ""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class ScheduleRequest:
    """Asks for a better schedule of quantum jobs: the jobs process, by way of the controller.

    Attributes
    ----------
    number : int
        The asker's own count; the result repeats it.
    problem : bytes
        The problem pickled, not looked at by the controller.
    value : float
        Of the schedule that stands otherwise.
    settings : Settings or None
        The operator's, which the controller adds.
    known_decision : int
        As in :class:`CycleRequest`.
    """

    number: int
    problem: bytes
    value: float
    settings: Settings | None = None
    known_decision: int = 0


@dataclass(frozen=True, slots=True)
class ScheduleResult:
    """Answer to a :class:`ScheduleRequest`.

    Attributes
    ----------
    number : int
        Of the request.
    decision : Decision or None
        With its outcome; None where none came about.
    plan : bytes
        A better plan, pickled; empty where there is none.
    """

    number: int
    decision: Decision | None = None
    plan: bytes = b""


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks whether the optimiser is there."""

    number: int


@dataclass(frozen=True, slots=True)
class Pong:
    """Answer to a :class:`Ping`.

    Attributes
    ----------
    number : int
        Of the ping.
    busy_s : float
        For how long the running cycle has been running, 0 where none runs.
    workers : mapping of str to str
        State of each worker by family: ``ready``, ``busy``, ``starting`` or ``down``.
    """

    number: int
    busy_s: float
    workers: Mapping[str, str] = field(default_factory=dict)
