"""How the demonstration looks."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.text import Text

from client.cli.render import STYLES, milliseconds, prediction
from shared.jobs import Job
from shared.results import GesturePrediction
from shared.states import JobState

_LABEL = 11


class Stage:
    """Lines in two columns: which step, and what happens."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = ""

    def title(self, name: str, about: str) -> None:
        """The first line."""
        self._console.print(f"\n[bold]{name}[/]  {about}\n", soft_wrap=True)

    def step(self, label: str, text: str) -> None:
        """A line of a step; its label is printed once."""
        shown = label if label != self._last else ""
        self._last = label
        self._console.print(f"  [bold cyan]{shown:<{_LABEL}}[/]{text}", soft_wrap=True)

    def line(self, text: str) -> None:
        """Another line of the same step."""
        self._console.print(f"  {'':<{_LABEL}}{text}".rstrip(), soft_wrap=True)

    def transition(self, state: JobState, after_ms: int, text: str) -> None:
        """A job entered a state."""
        self.line(
            f"[{STYLES[state]}]{state.value:<10}[/][dim]{f'+{after_ms} ms':>9}[/]{f'  {text}' if text else ''}"
        )

    def letter(self, answer: GesturePrediction, job: Job) -> None:
        """What was seen, and how long it took."""
        total = (job.finished_at - job.created_at).total_seconds() * 1000 if job.finished_at else None
        indented = Text(" " * (_LABEL + 2)).append("letter    ", style="bold").append(prediction(answer))
        self._console.print(indented, soft_wrap=True)
        waited, ran = milliseconds(job.queue_wait_ms), milliseconds(job.run_ms)
        self.line(f"[bold]took[/]      {waited} in the queue, {ran} running, {milliseconds(total)} in total")

    @contextmanager
    def waiting(self, label: str, text: str) -> Generator[None]:
        """A spinner meanwhile; gone afterwards."""
        if not self._console.is_terminal:
            yield
            return
        with self._console.status(f"[bold cyan]{label:<{_LABEL - 2}}[/]{text}"):
            yield

    @contextmanager
    def progress(self, label: str) -> Generator[Callable[[float, str], None]]:
        """A bar meanwhile; gone afterwards. Call what you get with a fraction and a text."""
        if not self._console.is_terminal:
            yield lambda _fraction, _text: None
            return
        first = f"  [bold cyan]{'' if label == self._last else label:<{_LABEL}}[/]"
        columns = (TextColumn(first), BarColumn(28), TaskProgressColumn(), TextColumn("{task.description}"))
        with Progress(*columns, console=self._console, transient=True) as bar:
            task = bar.add_task("", total=1.0)
            yield lambda fraction, text: bar.update(task, completed=fraction, description=escape(text))
