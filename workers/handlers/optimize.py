"""Optimisations: the fastest form of a pipeline that finds the same objects, on a device that is its alone."""

import re
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

from shared.access import scoped
from shared.benchmarks import MeasuredRun, OptimizeResult
from shared.devices import DeviceInfo
from shared.errors import PipelineError
from shared.graph.emitter import emit
from shared.graph.model import Graph
from shared.graph.policy import Policy
from shared.graph.simple import View
from shared.jobs import JobRecord
from shared.measure.compare import Comparison, compare
from shared.needs import pipeline_models
from shared.packing import OptimizeTask
from shared.pipelines import Variant
from shared.results import InstalledModel
from workers.context import JobContext
from workers.gst.available import available, properties
from workers.handlers import WorkerEnvironment
from workers.handlers.bench import Bench
from workers.handlers.optimize_runs import FormRuns
from workers.handlers.pipeline_models import precisions_of
from workers.measuring.converting import CONVERTERS
from workers.measuring.decoding import Machine, decoders_of
from workers.measuring.forms import ORIGINAL, Form, Surroundings, applied, conditions, looks, options
from workers.measuring.optimising import Known, Optimising, Tools
from workers.measuring.runs import figure

_VARIANT = re.compile(r"/pipelines/([^/]+)/variants/[^/]+\Z")


def build(environment: WorkerEnvironment) -> "OptimizeHandler":
    """The handler of ``optimize`` jobs."""
    return OptimizeHandler(environment)


class OptimizeHandler:
    """Handler of ``optimize`` jobs; holds nothing between them."""

    def __init__(self, environment: WorkerEnvironment) -> None:
        self._environment = environment

    def run(self, context: JobContext) -> OptimizeResult:
        """See the port. Raises PipelineFailed for the original, DeviceLeased, and what can't be had for it."""
        task = context.task
        if not isinstance(task, OptimizeTask):
            msg = f"not an optimisation: {task.kind}"
            raise TypeError(msg)
        bench = Bench(self._environment, context)
        runs = FormRuns(bench, task, self._environment.settings.measuring)
        context.progress(0.0, "prepare")
        bench.prepare([task.pipeline])
        devices = self._others(context, task.search.space.device)
        tools = Tools(
            sample=runs.sample,
            check=runs.check,
            turn=runs.turn,
            keep=lambda known: context.checkpoint(known.model_dump_json()),
            tell=lambda done, said: _tell(context, done, said),
        )
        around = self._around(context, bench, task, devices)
        search = Optimising(task, options(task.search.space, task.pipeline, around), tools, _known(context))
        with ExitStack() as held:
            for device in (context.device, *devices):
                held.enter_context(self._environment.exclusive.hold(context, device))
            best = search.run()
            notes = [*self._left_out(context, task, devices), *_blind(task, runs)]
        context.progress(0.99, "report")
        return self._answer(context, bench, search, best, notes)

    def warm(self, models: Sequence[InstalledModel]) -> None:
        """Each run loads what it needs in its own process."""

    def loaded(self) -> list[str]:
        """None."""
        return []

    def runtimes(self) -> list[str]:
        """None of its own."""
        return []

    def close(self) -> None:
        """Nothing is held."""

    def _others(self, context: JobContext, wanted: Sequence[str]) -> list[DeviceInfo]:
        """Devices of this host that are to be searched too; workers serve them, so they can be held."""
        host = self._environment.exclusive.host
        here = {each.device.id: each.device for each in self._environment.beacon.workers() if each.host == host}
        return [here[each] for each in dict.fromkeys(wanted) if each in here and each != context.device.id]

    def _left_out(self, context: JobContext, task: OptimizeTask, devices: Sequence[DeviceInfo]) -> list[str]:
        known = {context.device.id, *(each.id for each in devices)}
        missing = [each for each in task.search.space.device if each not in known]
        return [f"{each} wasn't tried: no worker of this host serves it" for each in missing]

    def _around(
        self, context: JobContext, bench: Bench, task: OptimizeTask, devices: Sequence[DeviceInfo]
    ) -> Surroundings:
        graph = task.pipeline.graph
        installed = self._environment.model_store.installed()
        names = [name for name in pipeline_models(graph) if name in installed]
        codecs, elements = bench.codecs(task.pipeline), available()
        decoders = decoders_of(graph, codecs, context.device.id, elements)
        asked = {*CONVERTERS, *(each.element for each in decoders)} & elements
        return Surroundings(
            device=context.device.id,
            devices=[each.id for each in devices],
            # The first is taken anyway.
            precisions={name: precisions_of(installed[name], context.device.id)[1:] for name in names},
            codecs=codecs,
            machine=Machine(elements, properties(frozenset(asked))),
            policy=Policy.shipped(self._environment.settings.pipelines.allow),
        )

    def _answer(
        self, context: JobContext, bench: Bench, search: Optimising, best: Form, notes: list[str]
    ) -> OptimizeResult:
        task = search.task
        originals = [each.original for each in search.known.turns]
        bests = [each.best or each.original for each in search.known.turns]
        gain = compare(_totals(originals), _totals(bests)) if best != ORIGINAL else None
        if gain is None or gain.difference <= 0:
            best, bests, gain = ORIGINAL, originals, Comparison("same", 0.0, 0.0, 0.0)
            notes.append("nothing that finds the same objects was faster")
        made = applied(task.pipeline, best)
        graph = made.graph
        notes += conditions(task.pipeline, made)
        saved = self._save(context.job, task, graph, gain, notes) if task.save_as and best != ORIGINAL else None
        result = OptimizeResult(
            benchmark_id=context.job.id,
            pipeline_id=task.pipeline.pipeline_id,
            pipeline_graph=graph,
            pipeline_description=emit(graph),
            changes=dict(best.changes),
            original_fps=figure(_totals(originals)),
            fps=figure(_totals(bests)),
            gain=round(gain.difference, 4),
            gain_low=round(gain.low, 4),
            gain_high=round(gain.high, 4),
            candidates=search.candidates(),
            saved_as=saved,
            notes=notes,
            trusted=all(run.disturbed is None for run in (*originals, *bests)),
            environment=bench.environment([task.pipeline]),
            report=[],
        )
        report = bench.keep(result, [task.pipeline], (result.gain, "gain"))
        return result.model_copy(update={"report": report})

    def _save(
        self, job: JobRecord, task: OptimizeTask, graph: Graph, gain: Comparison, notes: list[str]
    ) -> str | None:
        """The variant's id; None if there is a note why not."""
        found = _VARIANT.match(task.pipeline.pipeline_id)
        if gain.low <= 0:
            notes.append("not saved: it may not be faster")
        elif found is None or task.save_as is None:
            notes.append("not saved: only a variant of a pipeline can get another one beside it")
        else:
            try:
                self._environment.variants.add_variant(
                    scoped(job.tenant, found[1]), self._variant(task.save_as, graph)
                )
            except PipelineError as error:
                notes.append(f"not saved: {error.detail}")
            else:
                return task.save_as
        return None

    def _variant(self, variant_id: str, graph: Graph) -> Variant:
        settings, now = self._environment.settings.pipelines, datetime.now(UTC)
        return Variant(
            id=variant_id,
            name=variant_id,
            read_only=False,
            pipeline_graph=graph,
            pipeline_graph_simple=View(settings.simple_visible, settings.simple_omitted).of(graph),
            created_at=now,
            modified_at=now,
        )


def _totals(runs: Sequence[MeasuredRun]) -> list[float]:
    return [sum(rate for rates in run.fps for rate in rates) for run in runs]


def _blind(task: OptimizeTask, runs: FormRuns) -> list[str]:
    """A note where the sample shows nothing that could be found."""
    if not looks(task.pipeline.graph):
        return ["no element looks for objects: forms were only asked to give as many frames"]
    if not any('"objects"' in line for line in runs.original.records):
        return ["the original found nothing in the sample: that others find nothing either says little"]
    return []


def _known(context: JobContext) -> Known:
    """What an attempt before this one measured."""
    kept = context.checkpoint()
    return Known.model_validate_json(kept) if kept else Known()


def _tell(context: JobContext, done: float, said: str) -> None:
    context.progress(done, "search", said)
    context.tell(now=True)
