"""The search for the fastest form, in a world where runs take no time and rates are known."""

import math
import random
from dataclasses import dataclass, field

import pytest

from shared.benchmarks import MeasuredRun
from shared.packing import OptimizeTask
from tests.support.pipelines import task
from workers.measuring.forms import ORIGINAL, Form
from workers.measuring.optimising import Check, Known, Optimising, Sample, Tools, Turn

ORIGINAL_FPS = 100.0
BESIDE_S = 1.5


class Killed(Exception):
    """The worker died."""


@dataclass
class World:
    """``factors``: of the rate, by change; they multiply. ``others``: changes that find other objects."""

    factors: dict[tuple[str, str], float]
    others: set[tuple[str, str]] = field(default_factory=set)
    broken: set[tuple[str, str]] = field(default_factory=set)
    noise: float = 0.0
    lives: int = 1_000
    kept: str = ""
    done: list[tuple[str, Form]] = field(default_factory=list)

    def fps(self, form: Form) -> float:
        chance = random.Random(f"{form}{len(self.done)}")
        return (
            ORIGINAL_FPS
            * math.prod(self.factors[one] for one in form.changes)
            * math.exp(chance.gauss(0, self.noise))
        )

    def sample(self, form: Form, stage: str, seconds: float) -> Sample:
        self.live(stage, form)
        figures = {"failed": "it breaks"} if self.broken & {*form.changes} else {"fps": self.fps(form)}
        took_s = seconds + BESIDE_S
        return Sample(
            changes=dict(form.changes), stage=stage, measured_s=seconds, took_s=took_s, cpu_percent=50, **figures
        )

    def check(self, form: Form) -> Check:
        self.live("check", form)
        refused = "finds other objects" if self.others & {*form.changes} else None
        return Check(changes=dict(form.changes), took_s=1.0, agreement=0.3 if refused else 1.0, refused=refused)

    def turn(self, best: Form, seconds: float, number: int) -> Turn:
        self.live("turn", best)
        runs = [MeasuredRun(fps=[[self.fps(form)]], window_s=seconds) for form in (best, ORIGINAL)]
        return Turn(best=None if best == ORIGINAL else runs[0], original=runs[1], took_s=2 * (seconds + BESIDE_S))

    def live(self, what: str, form: Form) -> None:
        if self.lives == 0:
            raise Killed
        self.lives -= 1
        self.done.append((what, form))

    def keep(self, known: Known) -> None:
        self.kept = known.model_dump_json()

    def search(self, duration_s: float = 200.0) -> Optimising:
        asked = OptimizeTask(
            pipeline=task("videotestsrc ! gvadetect ! fakesink"),
            warmup_s=1.0,
            search={"duration_s": duration_s, "sample_s": 2.0},
        )
        options: dict[str, list[str]] = {}
        for name, value in self.factors:
            options.setdefault(name, []).append(value)
        tools = Tools(self.sample, self.check, self.turn, self.keep, lambda _share, _said: None)
        past = Known.model_validate_json(self.kept) if self.kept else Known()
        return Optimising(asked, options, tools, past)


def lively(**changes: object) -> World:
    factors = {
        ("batch-size", "4"): 1.2,
        ("nireq", "2"): 1.3,
        ("nireq", "4"): 1.1,
        ("queues", "yes"): 0.9,
        ("skip", "3"): 2.5,
    }
    return World(factors, **{"others": {("skip", "3")}, **changes})


def test_changes_that_help_are_combined_unless_they_find_something_else() -> None:
    world = lively(noise=0.01)
    search = world.search()
    assert search.run() == Form.of({"batch-size": "4", "nireq": "2"})

    told = {str(Form.of(each.changes)): each for each in search.candidates()}
    assert told["skip 3"].refused == "finds other objects"
    assert not any("skip" in name and "," in name for name in told), (
        "what is refused alone is combined with nothing"
    )
    assert told["the original"].agreement == 1.0
    assert [name for name, each in told.items() if each.pareto] == ["batch-size 4, nireq 2"]
    assert len(search.known.turns) == 3
    assert search.known.spent_s <= 200.0


def test_where_nothing_helps_the_original_stays() -> None:
    assert World({("nireq", "2"): 0.8, ("queues", "yes"): 0.9}).search().run() == ORIGINAL
    assert World({}).search().run() == ORIGINAL


def test_what_breaks_is_told_and_passed_over() -> None:
    world = lively(broken={("nireq", "2")})
    search = world.search()
    assert search.run() == Form.of({"batch-size": "4", "nireq": "4"})
    assert {each.refused for each in search.candidates() if each.changes.get("nireq") == "2"} == {"it breaks"}


def test_with_little_time_something_is_tried_and_the_gain_is_measured_all_the_same() -> None:
    world = lively(others=set())
    search = world.search(duration_s=10.0)
    assert search.run() == Form.of({"batch-size": "4"})
    assert len(search.known.turns) == 3


@pytest.mark.parametrize("lives", range(0, 30, 3))
def test_a_killed_search_goes_on_and_ends_as_it_would_have(lives: int) -> None:
    whole = lively()
    best = whole.search().run()

    world = lively(lives=lives)
    with pytest.raises(Killed):
        world.search().run()
    before = list(world.done)
    world.lives = 1_000
    again = world.search()
    assert again.run() == best
    assert world.done == whole.done, "nothing is done twice, and nothing else is done"
    assert world.done[: len(before)] == before
