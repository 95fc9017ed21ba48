"""The installer's loop over fake switches: plan an update, carry it out, wait, again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from qb_controller.model.network import Network, Path
from qb_controller.model.plan import VerifiedPlan
from qb_controller.model.rules import RuleSet
from qb_controller.model.slices import SlicePlan
from qb_controller.southbound.adopt import adopt
from qb_controller.southbound.compile import Compiler, compile_rules
from qb_controller.southbound.intent import Intent, Taken, taken_by
from qb_controller.southbound.labels import Numbers
from qb_controller.southbound.next_intent import with_network, with_plan, with_slices
from qb_controller.southbound.update import Retired, apply_all, plan_update
from tests.support.fake_network import FakeNetwork

DRAIN = 3.0


def allowed_paths(
    intent: Intent, network: Network, beneath: bool = False
) -> dict[tuple[int, int], set[Path]]:
    """Every path that an intent lets a packet take, by pair of switches with one host each.

    With ``beneath`` also what the packets of slices would take without them, which they may do
    while a slice comes or goes.
    """
    allowed: dict[tuple[int, int], set[Path]] = {}
    for egress, tree in intent.trees.items():
        for ingress in tree.next_link:
            steering = intent.pairs.get((ingress, egress))
            base = tree.path(ingress, network)
            assert base is not None
            allowed[ingress, egress] = (
                {share.path for share in steering.shares} if steering else {base}
            )
    for carried in intent.slices.values():
        for pipe in carried.pipes:
            if pipe.way is not None:
                pair = (pipe.source.dpid, pipe.target.dpid)
                allowed[pair] = {pipe.way.path} | (allowed[pair] if beneath else set())
    return allowed


@dataclass
class Executor:
    """Drives fake switches as the controller does.

    ``between`` is called between any two messages, so tests can move packets there.
    """

    fake: FakeNetwork
    random: Random
    network: Network
    numbers: Numbers = field(default_factory=Numbers)
    intent: Intent = field(default_factory=Intent)
    retired: Retired = field(default_factory=Retired)
    compiler: Compiler = field(default_factory=Compiler)
    now: float = 0.0
    messages: int = 0
    desired: dict[int, RuleSet] = field(default_factory=dict)
    keep_trees: bool = False
    slices: SlicePlan = SlicePlan(0, 0, ())  # noqa: RUF009  (frozen)
    between: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.held: dict[int, RuleSet] = self.fake.rules()

    def see(self, network: Network) -> None:
        """The network changed (or was seen for the first time)."""
        self.network = network
        taken = self.taken()
        self.intent = with_network(
            self.intent, network, self.numbers, taken, keep_trees=self.keep_trees
        )

    def take(self, plan: VerifiedPlan) -> None:
        """A plan came out of the optimiser."""
        taken = taken_by(self.retired.keys())
        self.intent = with_plan(self.intent, plan, self.network, self.numbers, taken)

    def taken(self) -> Taken:
        """Labels and tags of what is on its way out, and every slot that is in a switch."""
        slots = taken_by(key for rules in self.held.values() for key in rules).slots
        return replace(taken_by(self.retired.keys()), slots=slots)

    def take_slices(self, plan: SlicePlan) -> None:
        """Slices were admitted, moved or taken off."""
        self.slices = plan
        self.intent = with_slices(self.intent, plan, self.network, self.numbers, self.taken())

    def restart(self) -> None:
        """The controller dies; another one finds the switches as they are."""
        self.compiler, self.retired = Compiler(), Retired()
        self.numbers = Numbers()
        self.held = self.fake.rules()
        self.intent = adopt(self.held, self.network, self.numbers)
        taken = taken_by(key for rules in self.held.values() for key in rules)
        self.intent = with_slices(self.intent, self.slices, self.network, self.numbers, taken)
        self.intent = with_network(self.intent, self.network, self.numbers, taken)

    def step(self) -> float | None:
        """One update, all phases; returns when to look again."""
        self.desired = self.compiler.compile(self.intent, self.network, self.numbers)
        assert self.desired == compile_rules(self.intent, self.network, self.numbers)
        held = {dpid: self.held[dpid] for dpid in self.desired}
        update = plan_update(held, self.desired, self.retired, self.now, DRAIN)
        for phase in update.steps:
            self.fake.obey(phase, self.random, self.between)
            for dpid, orders in phase.items():
                self.held[dpid] = apply_all(self.held[dpid], orders)
        assert {d: self.fake.rules()[d] for d in self.held} == self.held
        self.retired = update.retired
        self.messages += update.messages
        return update.wake_at

    def settle(self) -> None:
        """Until nothing is left to do; time passes as the drains ask for it."""
        for _ in range(10):
            wake = self.step()
            if wake is None:
                return
            self.wait_until(wake)
        raise AssertionError("does not settle")

    def wait_until(self, time: float) -> None:
        """Let time pass; no packet lives longer than a drain."""
        self.now = max(self.now, time)
        sent_by = self.now - DRAIN + 1e-6  # sums of floats are not exact
        while old := [flight for flight in self.fake.flights if flight.started <= sent_by]:
            self.fake.hop(old[0])
