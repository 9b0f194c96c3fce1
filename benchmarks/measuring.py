"""Whether benchmarks can be trusted: the same question asked again and again of real pipelines on this machine.

``python -m benchmarks measuring`` asks a few times, ``python -m benchmarks.measuring 10`` as often as the targets
say (half an hour), ``python -m benchmarks.measuring 10 same`` one question alone: densities, same or slower.
"""

import statistics
import sys
from collections import Counter
from collections.abc import Collection, Sequence

from benchmarks.stack import data_dir
from benchmarks.stats import machine, print_figures
from client.local import LocalStack
from client.sdk import Framelane
from shared.benchmarks import DensityResult, PerformanceResult
from shared.jobs import Completed
from shared.measure.compare import compare
from shared.measurements import DensitySpec, Load, PerformanceSpec, Share
from shared.pipelines import DescriptionSource
from shared.specs import AnySpec, MediaDownloadSpec
from shared.states import JobState
from workers.measuring.runs import counting

TRIES = 3
QUESTIONS = ("densities", "same", "slower")
LANES = ("cpu.long", "io")
VIDEO = "carphone"
WORK = "filesrc location={video} ! decodebin3 ! videoscale ! video/x-raw,{size} ! {more}fakesink"
LIGHT, HEAVY = "width=1280,height=720", "width=2560,height=1440"
FLOOR = 45.0
PRECISION = 0.06
_SLOWER = 1.2


def source(size: str, more: str = "") -> DescriptionSource:
    """Decoding and scaling; ``more`` elements on the thread that scales."""
    return DescriptionSource(pipeline_description=WORK.format(video=VIDEO, size=size, more=more))


def measured(client: Framelane, spec: AnySpec) -> object:
    """The result of a job."""
    job = client.wait(client.submit(spec).id, 1_800)
    if not isinstance(job.outcome, Completed):
        raise SystemExit(f"{spec.kind}: {job.outcome}")
    return job.outcome.result


def rates(client: Framelane, more: str = "") -> list[float]:
    """Frames a second of the only stream, by run; as many short runs as it takes to know the rate."""
    load = Load(pipeline=source(LIGHT, more))
    spec = PerformanceSpec(specs=[load], duration_s=3.0, warmup_s=0.5, repeats=20, precision=PRECISION)
    result = measured(client, spec)
    if not isinstance(result, PerformanceResult):
        raise SystemExit(f"not a performance test: {result}")
    return [run.fps[0][0] for run in counting(result.runs)]


def densities(client: Framelane) -> list[DensityResult]:
    """Three searches in a row; the work is heavy enough for the answer to be far from the most that is tried."""
    share = Share(pipeline=source(HEAVY), stream_rate=100)
    spec = DensitySpec(
        specs=[share], fps_floor=FLOOR, max_streams=64, warmup_s=1.0, duration_s=3.0, repeats=6, budget_s=300
    )
    return [found for _ in range(3) if isinstance(found := measured(client, spec), DensityResult)]


def rows(client: Framelane, tries: int, wanted: Collection[str]) -> list[tuple[str, str, str]]:
    """What, figure, target."""
    told: list[tuple[str, str, str]] = []
    if "densities" in wanted:
        told += _density_rows(densities(client))
    if {"same", "slower"} & {*wanted}:
        told += _verdict_rows(client, tries, wanted)
    return told


def _density_rows(found: Sequence[DensityResult]) -> list[tuple[str, str, str]]:
    numbers = [each.n_streams for each in found]
    return [
        (f"streams that keep {FLOOR:g} fps, three searches", str(numbers), "within 1"),
        ("what they allow up to", str([each.at_most for each in found]), ""),
        ("runs of each; how they ended", ", ".join(f"{len(each.runs)} {each.ended}" for each in found), ""),
    ]


def _verdict_rows(client: Framelane, tries: int, wanted: Collection[str]) -> list[tuple[str, str, str]]:
    pause_us = round((_SLOWER - 1) / statistics.median(rates(client)) * 1e6)
    same, slower, runs = Counter[str](), Counter[str](), list[int]()
    for _ in range(tries):
        first = rates(client)
        runs.append(len(first))
        if "same" in wanted:
            second = rates(client)
            same[compare(first, second).verdict] += 1
            runs.append(len(second))
            first = second
        if "slower" in wanted:
            third = rates(client, f"identity sleep-time={pause_us} ! ")
            slower[compare(first, third).verdict] += 1
            runs.append(len(third))
    return [
        ("the same test twice is judged", _told(same), f"same in {0.9 * tries:.0f} of {tries}"),
        (f"a pipeline {_SLOWER - 1:.0%} slower a frame is judged", _told(slower), f"slower in {0.9 * tries:.0f}"),
        (f"runs until a rate is known to {PRECISION:.0%}", f"{min(runs)} to {max(runs)}", "below 20"),
    ]


def _told(verdicts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in verdicts.most_common())


def main(tries: int = TRIES, wanted: Collection[str] = QUESTIONS) -> None:
    """Print the table."""
    with data_dir() as folder, LocalStack(folder, lanes=LANES) as stack, Framelane(stack.url) as client:
        job = client.wait(client.submit(MediaDownloadSpec(media=[VIDEO])).id, 300)
        if job.state is not JobState.COMPLETED:
            raise SystemExit(f"what is needed can't be installed: {job.outcome}")
        table = rows(client, tries, wanted)
    print_figures(f"Benchmarks asked again ({machine()})", table)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else TRIES, sys.argv[2:] or QUESTIONS)
