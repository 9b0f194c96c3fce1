"""Validations: whether a pipeline does what is expected, and at which stage it first doesn't."""

from collections.abc import Sequence

from shared.benchmarks import ValidateResult
from shared.errors import (
    ArtifactNotFound,
    InvalidSpec,
    ModelUnusable,
)
from shared.graph.checks import invalid, unwritable
from shared.graph.faults import PipelineUnreadable
from shared.graph.model import Graph
from shared.graph.names import CAMERA
from shared.graph.parser import parse
from shared.graph.policy import Policy
from shared.graph.rewrites.sources import NAMING, reads
from shared.jobs import artifact_key
from shared.measure.records import frames_of
from shared.needs import pipeline_models
from shared.packing import PipelineTask, ValidateTask
from shared.pipelines import DescriptionSource, GraphSource
from shared.results import InstalledModel
from workers.context import JobContext
from workers.handlers import WorkerEnvironment
from workers.handlers.bench import Bench
from workers.handlers.validate_model import validated
from workers.measuring.forms import looks, recorded
from workers.measuring.looking import Seen, Until
from workers.measuring.verdicts import Report, matched, produced, ran

_PUBLISHES = "gvametapublish"
_RECORDS = "metadata_stream0.jsonl"


def build(environment: WorkerEnvironment) -> "ValidateHandler":
    """The handler of ``validate`` jobs."""
    return ValidateHandler(environment)


class ValidateHandler:
    """Handler of ``validate`` jobs; holds nothing between them."""

    def __init__(self, environment: WorkerEnvironment) -> None:
        self._environment = environment

    def run(self, context: JobContext) -> ValidateResult:
        """See the port. A pipeline or model that doesn't hold is a verdict.

        Raises PipelineFailed where its process dies without a word, ModelNotInstalled, MediumNotInstalled, and
        InvalidSpec for a reference without records; of a model, what ``validated`` does.
        """
        task = context.task
        if not isinstance(task, ValidateTask):
            msg = f"not a validation: {task.kind}"
            raise TypeError(msg)
        if task.model is not None:
            return validated(self._environment, context, task.model)
        bench = Bench(self._environment, context)
        report = Report()
        context.progress(0.0, "read")
        reference = self._reference(context, task)
        graph = self._read(task, report)
        seen = Seen()
        if graph is not None and report.holds:
            context.progress(0.1, "run")
            seen = self._seen(context, bench, task, graph, report)
        if report.holds:
            produced(seen, task.expect, report)
        if report.holds:
            matched(seen, task.expect, reference, report)
        return self._answer(context, bench, task, report, seen, graph)

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

    def _read(self, task: ValidateTask, report: Report) -> Graph | None:
        """The graph, and whether it may run; None if there is none."""
        match task.pipeline:
            case DescriptionSource(pipeline_description=text):
                try:
                    graph = parse(text)
                except PipelineUnreadable as error:
                    report.fails("parse", error.detail)
                    return None
            case GraphSource(pipeline_graph=graph):
                pass
            case _:
                graph = task.graph or Graph.of([], [])
        if broken := unwritable(graph):
            report.fails("parse", InvalidSpec(*broken).detail)
            return None
        report.passes("parse")
        policy = Policy.shipped(self._environment.settings.pipelines.allow)
        refused = [f"{each.node}: {each.message}" for each in policy.refusals(graph)]
        if wrong := [*refused, *self._unknown(task, graph)]:
            report.fails("policy", "; ".join(wrong))
            return None
        report.passes("policy")
        if broken := invalid(graph, policy.elements.shapes):
            report.fails("link", InvalidSpec(*broken).detail)
        return graph

    def _unknown(self, task: ValidateTask, graph: Graph) -> list[str]:
        """Names of what nobody knows. What is known but not installed isn't the pipeline's fault."""
        models = {*self._environment.catalogue.by_name, *self._environment.model_store.installed()}
        media = {*self._environment.media.by_name, *self._environment.beacon.media()}
        cameras = {CAMERA + name for name in self._environment.settings.pipelines.cameras}
        given = [name for each in task.inputs for name in ([each] if isinstance(each, str) else each)]
        named = given or [reads(node.type, node.data) or "" for node in graph.nodes if node.type in NAMING]
        return [
            *(f"there is no model {name!r}" if name else "name a model" for name in _unlisted(graph, models)),
            *(
                f"there is no medium or camera {name!r}" if name else "name a medium or a camera"
                for name in named
                if name not in media | cameras
            ),
        ]

    def _seen(self, context: JobContext, bench: Bench, task: ValidateTask, graph: Graph, report: Report) -> Seen:
        publishes = any(node.type == _PUBLISHES for node in graph.nodes)
        wants = bool(task.expect.labels or task.expect.reference_job)
        if wants and not publishes and looks(graph):
            graph, publishes = recorded(graph), True
        asked = PipelineTask(
            pipeline_id=task.pipeline_id,
            graph=graph,
            inputs=task.inputs,
            device=task.device,
            metadata_mode="file" if publishes else "disabled",
        )
        until = Until(task.max_runtime_s, self._environment.settings.measuring.patience_s)
        try:
            seen = bench.look(asked, until)
        except (InvalidSpec, ModelUnusable) as error:
            report.fails("policy", error.detail)
            return Seen()
        ran(seen, until, report)
        context.progress(0.9, "match")
        return seen

    def _reference(self, context: JobContext, task: ValidateTask) -> list[str] | None:
        """Records of the job that is the truth; None if there is none. Raises InvalidSpec."""
        job_id = task.expect.reference_job
        if job_id is None:
            return None
        path = context.scratch / "reference.jsonl"
        try:
            fence = self._environment.attempts.holdings([job_id])[job_id]
            self._environment.artifacts.fetch(artifact_key(job_id, fence, _RECORDS), path)
            lines = path.read_text("utf-8").splitlines()
            frames_of(lines)
        except (KeyError, ArtifactNotFound, ValueError):
            says = f"job {job_id} has left no records: run its pipeline with `metadata_mode`: `file`"
            raise InvalidSpec(("/expect/reference_job", says)) from None
        return lines

    def _answer(
        self,
        context: JobContext,
        bench: Bench,
        task: ValidateTask,
        report: Report,
        seen: Seen,
        graph: Graph | None,
    ) -> ValidateResult:
        result = ValidateResult(
            benchmark_id=context.job.id,
            valid=report.holds,
            failed_stage=report.failed,
            stages=report.stages(),
            frames=seen.frames,
            labels=report.labels,
            agreement=report.agreement,
        )
        known = PipelineTask(pipeline_id=task.pipeline_id, graph=graph or Graph.of([], []))
        kept = bench.keep(result, [known], (1.0 if report.holds else 0.0, "valid"))
        return result.model_copy(update={"report": kept})


def _unlisted(graph: Graph, known: set[str]) -> list[str]:
    return [name for name in pipeline_models(graph) if name not in known]
