"""Steps that the parts of the demonstration have in common."""

import time
from collections.abc import Mapping

from client.demo.stage import Stage
from client.sdk import Framelane
from shared.errors import FramelaneError
from shared.events import Progressed, StateChanged
from shared.jobs import Completed, Failed, Job
from shared.specs import MediaDownloadSpec, ModelDownloadSpec
from shared.states import JobState


class DemoFailed(FramelaneError):
    """A step didn't end as it should."""

    code = "demo-failed"


def install(stage: Stage, client: Framelane, label: str, spec: ModelDownloadSpec | MediaDownloadSpec) -> None:
    """Run a download, showing how far it is."""
    began = time.monotonic()
    job = client.submit(spec)
    with stage.progress(label) as show:
        for event in client.follow(job.id, after_seq=0):
            if isinstance(event, Progressed):
                show(event.progress.fraction, f"{event.progress.stage} {event.progress.message or ''}")
    completed(client.get(job.id))
    stage.step(label, f"installed by a job on the io lane in {time.monotonic() - began:.1f} s")


def where(event: StateChanged, pids: Mapping[str, int]) -> str:
    """The lane or worker that a job came to."""
    if event.state is JobState.PENDING:
        return f"in lane {event.lane}"
    if event.state is JobState.RUNNING and event.worker:
        return f"on worker {event.worker} [dim](process {pids.get(event.worker, '?')})[/]"
    return ""


def completed(job: Job) -> Job:
    """The job, if it ended well; else DemoFailed."""
    if isinstance(job.outcome, Completed):
        return job
    why = job.outcome.error.detail if isinstance(job.outcome, Failed) else job.state.value
    msg = f"job {job.id} ({job.kind}) didn't complete: {why}"
    raise DemoFailed(msg)
