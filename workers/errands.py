"""What workers of the io lane do beside their jobs."""

from collections.abc import Callable
from typing import Protocol

from shared.devices import Lane, LaneClass
from shared.ports import AttemptStore, JobQueue, JobStore
from shared.settings import Settings
from workers.errors import CannotStart
from workers.sweeps import Sweeps
from workers.webhooks.courier import Courier


class Errand(Protocol):
    """Something that goes on from the start to the end of a worker."""

    def start(self) -> None:
        """Returns at once."""
        ...

    def stop(self) -> None:
        """Returns when it has ended, or after a few seconds."""
        ...


def errands(
    settings: Settings, lane: Lane, store: AttemptStore, queue: JobQueue, front: Callable[[], JobStore]
) -> list[Errand]:
    """Those of this lane. ``front``: makes a job store's other face. Raises CannotStart for a bad secret."""
    if lane.lane_class is not LaneClass.IO:
        return []
    try:
        courier = Courier(settings.callbacks, store)
    except ValueError as error:
        raise CannotStart(str(error)) from error
    return [courier, Sweeps(store, queue, front, settings.jobs.sweep_every_s)]
