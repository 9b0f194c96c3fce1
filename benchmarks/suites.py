"""The suites that ship, as this machine runs them: figures that their references are made of.

``python -m benchmarks.suites [suite[.test] …]`` measures all, or those named, and prints what stands under
``reference`` in ``shared/library/suites/*.yaml`` beside what it found (half an hour; nothing else should run).
With ``--short`` runs are short, and only tell whether everything works.
"""

import sys
from collections.abc import Iterator, Sequence

from benchmarks.stack import data_dir
from benchmarks.stats import machine, print_figures
from client.local import LocalStack
from client.sdk import Framelane
from shared.benchmarks import SuiteResult, SuiteTestResult
from shared.jobs import Completed
from shared.specs import AnySpec, MediaDownloadSpec, ModelDownloadSpec
from shared.suites import PerformanceOfSuite, SuiteSpec, SuiteTest, shipped_suites

LANES = ("cpu.long", "io")
MEDIA = ["bikes", "carphone"]
MODELS = ["face_detector", "face_landmarks", "person-ssdlite", "pose_landmarks", "text_recognizer"]
"""All that pipelines of the suites read and look with."""

_LONGEST_S = 3_600.0


def done(client: Framelane, spec: AnySpec) -> object:
    """The result of a job. Ends the program if it has none."""
    job = client.wait(client.submit(spec).id, _LONGEST_S)
    if not isinstance(job.outcome, Completed):
        raise SystemExit(f"{spec.kind}: {job.outcome}")
    return job.outcome.result


def wanted(names: Sequence[str]) -> Iterator[tuple[str, list[SuiteTest]]]:
    """Suites and their tests, as ``suite`` or ``suite.test`` names them; none: all."""
    for name, suite in shipped_suites().items():
        tests = [test for test in suite.tests if not names or {name, f"{name}.{test.name}"} & {*names}]
        if tests:
            yield name, tests


def shortened(test: SuiteTest) -> SuiteTest:
    """Enough to see whether it runs."""
    short = {"duration_s": 2.0, "warmup_s": 1.0, "repeats": 1}
    return test.model_copy(update=short if isinstance(test, PerformanceOfSuite) else short | {"budget_s": 60.0})


def row(suite: str, test: SuiteTestResult) -> tuple[str, str, str]:
    """What, figure, target."""
    if test.error is not None:
        return f"{suite}.{test.name}", f"{test.error.code}: {test.error.detail.splitlines()[0]}", ""
    span = (
        f" ({test.low:.4g} to {'?' if test.high is None else f'{test.high:.4g}'})" if test.low is not None else ""
    )
    doubt = "" if test.trusted else ", disturbed"
    unit = "fps" if test.kind == "performance" else "streams"
    return f"{suite}.{test.name}", f"{test.figure:.4g} {unit}{span}{doubt}", f"reference {test.reference:g}"


def main(names: Sequence[str] = (), *, short: bool = False) -> None:
    """Print the table."""
    with data_dir() as folder, LocalStack(folder, lanes=LANES) as stack, Framelane(stack.url) as client:
        done(client, MediaDownloadSpec(media=MEDIA))
        done(client, ModelDownloadSpec(models=MODELS))
        table: list[tuple[str, str, str]] = []
        for name, tests in wanted(names):
            spec = SuiteSpec(name=name, tests=[shortened(test) if short else test for test in tests])
            result = done(client, spec)
            if isinstance(result, SuiteResult):
                table += [row(name, test) for test in result.tests]
    print_figures(f"Suites that ship ({machine()})", table)


if __name__ == "__main__":
    main([each for each in sys.argv[1:] if each != "--short"], short="--short" in sys.argv)
