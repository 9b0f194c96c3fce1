"""From a spec and the lanes that live to the queue it goes on. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.devices import AUTO, Device, Lane, LaneClass, family_of, lane_of
from shared.errors import DeviceMemory, DeviceUnavailable
from shared.specs import LANE_CLASSES, CommonSpec, JobKind
from shared.workers import LaneState

TASK_PREFIX = "framelane."

BATCH_TASK = TASK_PREFIX + "batch"
"""Its one argument is a place where jobs wait together: who gets it runs as many of them as a batch may have."""

ANY_WORK = "*"
"""The name under which workers announce the mean time of all their jobs."""

PREFERENCE = (Device.GPU, Device.NPU, Device.CPU)
CLOSE = 0.1

_UNMEASURED_MS = 1.0
_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Route:
    """Where a job goes: the stable name of its task, the queue, and 0 (lowest) … 9 (highest)."""

    task: str
    queue: str
    priority: int


@dataclass(frozen=True, slots=True)
class Needs:
    """What a job asks of the device that runs it.

    ``work``: the name its time is measured under. ``model``: needs ``memory_bytes`` where it isn't warm yet;
    0: not known. ``precisions``: the device must be capable of one of them, and one of ``runtimes`` must work
    there (empty: whichever).
    """

    families: frozenset[Device] = frozenset(Device)
    work: str = ANY_WORK
    model: str | None = None
    memory_bytes: int = 0
    precisions: frozenset[str] = frozenset()
    runtimes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Policy:
    """Among lanes whose waits are within ``close`` (a share of the shortest) the family named first wins."""

    prefer: Sequence[str] = PREFERENCE
    close: float = CLOSE

    def rank(self, lane: LaneState) -> tuple[int, str]:
        """Lower is preferred; families that aren't named come last."""
        family = family_of(lane_of(lane.name).device)
        order = list(self.prefer)
        return (order.index(family) if family in order else len(order)), lane.name


ANYTHING = Needs()
DEFAULT_POLICY = Policy()


def task_name(kind: JobKind) -> str:
    """Wire name of a kind's task; it never changes, whatever module runs it."""
    return TASK_PREFIX + kind


def place_of(priority: int, lane: str, group: str) -> str:
    """Where jobs of a group wait together. A lane's name has no colon; a group's may have."""
    return f"{priority}:{lane}:{group}"


def route(
    kind: JobKind,
    spec: CommonSpec,
    lanes: Sequence[LaneState],
    needs: Needs = ANYTHING,
    policy: Policy = DEFAULT_POLICY,
) -> Route:
    """The route of ``spec``.

    AUTO takes the lane that fits and is expected to answer first. Raises DeviceUnavailable, naming the lanes that
    live and what is against each, or DeviceMemory when nothing but memory is in the way.
    """
    candidates = candidates_of(kind, spec.device, lanes, needs)
    chosen = choose(candidates, needs, policy)
    if chosen is None:
        raise _refusal(kind, spec.device, lanes, candidates, needs)
    return Route(task=task_name(kind), queue=chosen.name, priority=spec.priority)


def candidates_of(
    kind: JobKind, device: str, lanes: Sequence[LaneState], needs: Needs = ANYTHING
) -> list[LaneState]:
    """Lanes for such jobs on the device."""
    if device == AUTO:
        return [lane for lane in lanes if _is_of(lane, LANE_CLASSES[kind], needs.families)]
    wanted = Lane.of(device, LANE_CLASSES[kind]).name
    return [lane for lane in lanes if lane.name == wanted]


def choose(candidates: Sequence[LaneState], needs: Needs, policy: Policy = DEFAULT_POLICY) -> LaneState | None:
    """The lane that is expected to answer first; one whose device is leased only where there is no other."""
    free = free_of(candidates, needs)
    if len(free) <= 1:
        return free[0] if free else None
    waits = expected_ms(free, needs.work)
    limit = min(waits.values()) * (1 + policy.close)
    return min((lane for lane in free if waits[lane.name] <= limit), key=policy.rank)


def free_of(candidates: Sequence[LaneState], needs: Needs) -> list[LaneState]:
    """Those between which nothing but the wait decides."""
    fitting = [lane for lane in candidates if obstacle(lane, needs) is None]
    return [lane for lane in fitting if not lane.leased] or fitting


def expected_ms(lanes: Iterable[LaneState], work: str) -> dict[str, float]:
    """By lane: milliseconds until it would answer: what is before the job, per slot, and the job itself.

    A lane that has no measured time yet is believed to be as fast as the fastest, so that it is tried.
    """
    known = list(lanes)
    own = _guess(known, work) or _guess(known, ANY_WORK) or _UNMEASURED_MS
    before = _guess(known, ANY_WORK) or own
    return {
        lane.name: _queue(lane) * lane.service_ms.get(ANY_WORK, before) + lane.service_ms.get(work, own)
        for lane in known
    }


def drain_s(lane: LaneState) -> float:
    """Seconds in which its workers do what waits in the lane now."""
    return _queue(lane) * lane.service_ms.get(ANY_WORK, _UNMEASURED_MS) / 1_000


def obstacle(lane: LaneState, needs: Needs) -> str | None:
    """Why the lane can't run such a job now; None if it can. What a lane doesn't tell is nothing against it."""
    if lane.ready == 0:
        return lane.unready or "takes no jobs"
    if needs.runtimes and lane.runtimes and needs.runtimes.isdisjoint(lane.runtimes):
        return f"has no {' or '.join(sorted(needs.runtimes))}"
    if needs.precisions and lane.capabilities and needs.precisions.isdisjoint(lane.capabilities):
        return f"isn't capable of {' or '.join(sorted(needs.precisions))}"
    return lacks_memory(lane, needs)


def lacks_memory(lane: LaneState, needs: Needs) -> str | None:
    """Whether the job's model isn't warm in the lane and would find no room there, as a clause."""
    free = lane.memory_bytes if lane.memory_free_bytes is None else lane.memory_free_bytes
    if needs.model in lane.models or free is None or needs.memory_bytes <= free:
        return None
    return f"has {_gib(free)} GiB free, {needs.model or 'the job'} takes about {_gib(needs.memory_bytes)} GiB"


def _is_of(state: LaneState, lane_class: LaneClass, families: frozenset[Device]) -> bool:
    lane = lane_of(state.name)
    if lane.lane_class is not lane_class:
        return False
    return lane_class is LaneClass.IO or family_of(lane.device) in families


def _queue(lane: LaneState) -> float:
    return (lane.backlog.depth + lane.beside + lane.busy) / max(lane.slots, 1)


def _guess(lanes: Sequence[LaneState], work: str) -> float | None:
    return min((lane.service_ms[work] for lane in lanes if work in lane.service_ms), default=None)


def _refusal(
    kind: JobKind, device: str, lanes: Sequence[LaneState], candidates: Sequence[LaneState], needs: Needs
) -> DeviceUnavailable:
    against = {lane.name: says for lane in candidates if (says := obstacle(lane, needs)) is not None}
    said = ", ".join(
        f"{lane.name} ({against[lane.name]})" if lane.name in against else lane.name for lane in lanes
    )
    can = (
        f"of device {device} can take {kind} jobs now" if candidates else f"serves device {device} for {kind} jobs"
    )
    msg = f"no live worker {can}; live lanes: {said or 'none'}"
    only_memory = candidates and all(lacks_memory(lane, needs) == against[lane.name] for lane in candidates)
    return DeviceMemory(msg) if only_memory else DeviceUnavailable(msg)


def _gib(size: int) -> str:
    return f"{size / _GIB:.2f}"
