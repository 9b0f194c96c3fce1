"""A worker as in production, under its warden, whose inference jobs only say when they start."""

import sys
from collections.abc import Mapping, Sequence

from stamps import stamp

from shared.results import GesturePrediction, InferenceResult, InferenceTimings, InstalledModel
from shared.specs import JobKind
from workers import child
from workers.context import JobContext
from workers.handlers import Handler, WorkerEnvironment
from workers.warden import Warden, python

_RESULT = InferenceResult(
    model="asl",
    version="1",
    runtime="none",
    device="CPU",
    predictions=[GesturePrediction(label="a", confidence=1.0)],
    timings=InferenceTimings(),
)


class Body:
    """Handler of inference jobs."""

    def run(self, _context: JobContext) -> InferenceResult:
        """The job."""
        stamp()
        return _RESULT

    def run_many(self, contexts: Sequence[JobContext]) -> list[InferenceResult | Exception]:
        """Those of a batch."""
        return [self.run(each) for each in contexts]

    def warm(self, models: Sequence[InstalledModel]) -> None:
        """Nothing to load."""

    def loaded(self) -> list[str]:
        """Nothing."""
        return []

    def runtimes(self) -> list[str]:
        """None is needed."""
        return []

    def close(self) -> None:
        """Nothing to let go of."""


def _build(_environment: WorkerEnvironment) -> Mapping[JobKind, Handler]:
    return {"inference": Body()}


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        sys.exit(child.main(sys.argv[2:], build=_build))
    sys.exit(Warden(python("framelane_worker", "child", "--device", "CPU", "--class", "fast")).run())
