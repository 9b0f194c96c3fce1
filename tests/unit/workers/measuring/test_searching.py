"""The search for density where some numbers of streams can't be run."""

import pytest

from shared.benchmarks import MeasuredRun
from shared.errors import PipelineFailed
from shared.measure.density import DensitySearch
from shared.measurements import ShareFields
from shared.packing import DensityTask
from tests.support.pipelines import task
from workers.measuring.searching import Known, Searching, step_of

FPS = 300.0


class World:
    """A device that carries FPS frames a second; more than ``most`` streams can't be run."""

    def __init__(self, most: int, rates: tuple[int, ...] = (100,), lives: int = 100, pinned: int = 0) -> None:
        self.most, self.lives = most, lives
        self.asked: list[int] = []
        self.kept = Known()
        shares = [
            *(ShareFields(stream_rate=rate) for rate in rates),
            *(ShareFields(streams=each) for each in [pinned] if each),
        ]
        specs = [task("videotestsrc ! fakesink")] * len(shares)
        self.task = DensityTask(specs=specs, shares=shares, fps_floor=10.0, max_streams=100, repeats=2)

    def measure(self, shares: list[int]) -> list[MeasuredRun]:
        if self.lives == 0:
            raise KeyboardInterrupt
        self.lives -= 1
        streams = sum(shares)
        self.asked.append(streams)
        if streams > self.most:
            raise PipelineFailed(f"{streams} are too many: " + "x" * 9_999)
        return [MeasuredRun(fps=[[FPS / streams] * each for each in shares if each], window_s=5.0)]

    def keep(self, known: Known) -> None:
        self.kept = Known.model_validate_json(known.model_dump_json())

    def search(self) -> Searching:
        clock = iter(range(10_000))
        return Searching(
            task=self.task,
            measure=lambda shares: self.measure(list(shares)),
            keep=self.keep,
            tell=lambda _search, _streams: None,
            known=self.kept,
            clock=lambda: float(next(clock)),
        )


def test_what_can_not_be_run_is_a_step_that_does_not_keep_the_floor() -> None:
    world = World(most=12)
    searching = world.search()
    search: DensitySearch = searching.run()
    found = search.found()
    assert (found.streams, found.at_most, found.bounded) == (12, 12, False)
    assert len(world.asked) == len(set(world.asked)) + 1, "only the answer was measured twice"
    assert len(set(world.asked)) <= 4 + 3

    steps = {
        step.streams: step_of(step, [step.streams], searching.known.failure(step.streams))
        for step in search.steps()
    }
    failed = steps[13]
    assert failed.judgement == "misses"
    assert (failed.slowest_fps.runs, failed.slowest_fps.median) == (0, 0.0)
    assert (failed.failed or "").startswith("13 are too many")
    assert len(failed.failed or "") <= 500
    assert [step.failed for step in steps.values() if step.streams <= 12] == [None] * sum(n <= 12 for n in steps)
    assert len(searching.known.measured) == sum(n <= 12 for n in world.asked)


@pytest.mark.parametrize("lives", range(1, 8))
def test_a_killed_search_remembers_what_can_not_be_run(lives: int) -> None:
    whole = World(most=12)
    whole.search().run()
    world = World(most=12, lives=lives)
    with pytest.raises(KeyboardInterrupt):
        world.search().run()
    world.lives = 100
    assert world.search().run().found().streams == 12
    assert world.asked == whole.asked


@pytest.mark.parametrize(("most", "rates"), [(0, (100,)), (0, (50, 50)), (1, (50, 50)), (2, (40, 30, 30))])
def test_pipelines_of_which_not_even_one_each_can_be_run_fail(most: int, rates: tuple[int, ...]) -> None:
    with pytest.raises(PipelineFailed, match="are too many"):
        World(most, rates).search().run()


def test_pinned_streams_run_beside_and_carry_nothing() -> None:
    world = World(most=5, pinned=3)
    search = world.search().run()
    assert search.found().streams == 2
    assert search.steps()[0].total_fps == FPS / 4, "of the one that grows"
    with pytest.raises(PipelineFailed):
        World(most=3, pinned=3).search().run()


def test_a_number_that_could_be_run_once_is_no_promise() -> None:
    world = World(most=100)
    world.task = world.task.model_copy(update={"max_streams": 1})
    searching = world.search()
    first = searching.measure

    def breaks(shares: list[int]) -> list[MeasuredRun]:
        world.most = 100 - 100 * len(world.asked)
        return first(shares)

    searching.measure = breaks  # type: ignore[assignment]
    search = searching.run()
    assert (search.found().streams, search.found().at_most) == (0, 0)
    (step,) = search.steps()
    assert (step.failed, step.slowest.runs, step.slowest.median) == (True, 1, FPS)
