"""From a spec and the lanes that live to the queue it goes on. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.devices import AUTO, Device, Lane, LaneClass, family_of
from shared.errors import DeviceUnavailable
from shared.specs import LANE_CLASSES, CommonSpec, JobKind
from shared.workers import LaneState

TASK_PREFIX = "framelane."

_TIE = {Device.GPU: 0, Device.NPU: 1, Device.CPU: 2}


@dataclass(frozen=True, slots=True)
class Route:
    """Where a job goes: the stable name of its task, the queue, and 0 (lowest) … 9 (highest)."""

    task: str
    queue: str
    priority: int


def task_name(kind: JobKind) -> str:
    """Wire name of a kind's task; it never changes, whatever module runs it."""
    return TASK_PREFIX + kind


def route(
    kind: JobKind,
    spec: CommonSpec,
    lanes: Sequence[LaneState],
    families: Iterable[Device] = tuple(Device),
) -> Route:
    """The route of ``spec``; ``families`` are those its model can run on.

    AUTO takes the live lane with the least expected wait (waiting and running jobs per slot), accelerators
    first among equals. Raises DeviceUnavailable, naming the lanes that live, when none fits.
    """
    lane_class = LANE_CLASSES[kind]
    if spec.device == AUTO:
        fitting = [lane for lane in lanes if _fits(lane, lane_class, frozenset(families))]
        chosen = min(fitting, key=_cost, default=None)
    else:
        wanted = Lane.of(spec.device, lane_class).name
        chosen = next((lane for lane in lanes if lane.name == wanted), None)
    if chosen is None:
        living = ", ".join(lane.name for lane in lanes) or "none"
        msg = f"no live worker serves device {spec.device} for {kind} jobs; live lanes: {living}"
        raise DeviceUnavailable(msg)
    return Route(task=task_name(kind), queue=chosen.name, priority=spec.priority)


def _fits(state: LaneState, lane_class: LaneClass, families: frozenset[Device]) -> bool:
    lane = Lane(state.name)
    if lane.lane_class is not lane_class:
        return False
    return lane_class is LaneClass.IO or family_of(lane.device) in families


def _cost(state: LaneState) -> tuple[float, int, str]:
    waiting = (state.backlog.depth + state.busy) / max(state.slots, 1)
    return waiting, _TIE[family_of(Lane(state.name).device)], state.name
