"""A job's life as a progress bar, or as lines of JSON."""

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from client.cli.output import JOB_FAILED, OK, print_json
from client.cli.render import STYLES
from client.sdk import Framelane
from client.sdk.following import Followed
from shared.events import CancelRequested, Measured, Progressed, Snapshot, StateChanged
from shared.jobs import Job
from shared.jobs import Progress as JobProgress
from shared.states import JobState

_BAR = 32
_MOST_RATES = 8


def watch_lines(client: Framelane, job_id: str, after_seq: int | None) -> Job:
    """Print each frame as a line of JSON; the job when it has ended."""
    for frame in client.follow(job_id, after_seq):
        print_json(frame)
    return client.get(job_id)


def watch_bar(client: Framelane, job_id: str, console: Console) -> Job:
    """Show a bar while the job lives; the job when it has ended."""
    columns = (
        TextColumn("{task.fields[state]}"),
        BarColumn(_BAR),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0, state="")
        for frame in client.follow(job_id):
            _show(bar, task, frame)
    return client.get(job_id)


def download_all(client: Framelane, job: Job, folder: Path) -> dict[str, Path]:
    """Save what the job left in ``folder``; the paths by the artifacts' names."""
    return {each.name: client.download(job.id, each.name, folder) for each in job.artifacts}


def exit_code(job: Job) -> int:
    """Zero for a job that did what it was asked to, or still may."""
    return JOB_FAILED if job.state in {JobState.FAILED, JobState.CANCELLED} else OK


def _show(bar: Progress, task: TaskID, frame: Followed) -> None:
    match frame:
        case Snapshot(job=job):
            bar.update(task, state=_state(job.state))
            _show_progress(bar, task, job.progress)
        case Progressed(progress=progress):
            _show_progress(bar, task, progress)
        case Measured(streams=streams, records=records):
            told = _rates([each.fps for each in streams])
            bar.update(task, description=told + (f", {records} records" if records else ""))
        case StateChanged(state=state):
            bar.update(task, state=_state(state))
        case CancelRequested():
            bar.update(task, description="asked to stop")


def _rates(rates: list[float]) -> str:
    if len(rates) > _MOST_RATES:
        return f"{len(rates)} streams, slowest {min(rates):.1f} FPS"
    return " + ".join(f"{each:.1f}" for each in rates) + " FPS"


def _show_progress(bar: Progress, task: TaskID, progress: JobProgress) -> None:
    text = f"{progress.stage}: {progress.message}" if progress.message else progress.stage
    bar.update(task, completed=progress.fraction, description=escape(text))


def _state(state: JobState) -> str:
    return f"[{STYLES[state]}]{state.value}[/]"
