"""From what a client sent to what is accepted, or everything that is wrong with it. Pure."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from pydantic_core import from_json

from api.services.documents import parse_spec
from api.services.measurement_jobs import MeasurementRules, MeasurementSpec, variants_of
from api.services.pipeline_jobs import PipelineRules, Variants
from api.services.rules import Rules
from shared.arrived import Arrived, Blob, content_of
from shared.errors import InvalidSpec
from shared.graph.faults import Broken
from shared.graph.model import Graph
from shared.inputs import MAX_ROWS
from shared.packing import AnyTask, pack
from shared.pipelines import VariantSource
from shared.specs import AnySpec, InferenceSpec, PipelineSpec


@dataclass(frozen=True, slots=True)
class Prepared:
    """A task with its inputs. ``fingerprint`` is equal for requests that ask for the same."""

    task: AnyTask
    blobs: Sequence[Blob]
    fingerprint: str

    @property
    def staged(self) -> object | None:
        """What the store gave for the only input; None where it needs the inputs themselves."""
        first = self.blobs[0] if len(self.blobs) == 1 else None
        return first.staged if isinstance(first, Arrived) else None

    @property
    def inputs(self) -> Sequence[bytes]:
        """That the store needs."""
        return () if self.staged else [content_of(blob) for blob in self.blobs]


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What the stores tell of a spec: the variants it names, and rules it breaks there."""

    variants: Variants = field(default_factory=dict[VariantSource, Graph | InvalidSpec])
    broken: Sequence[Broken] = ()


NOTHING = LookedUp()


@dataclass(frozen=True, slots=True)
class Preparer:
    """Knows the rules. ``check_image`` raises ValueError for bytes that aren't a photo we take.

    ``most_rows``: of a job.
    """

    rules: Rules
    pipelines: PipelineRules
    measurements: MeasurementRules
    check_image: Callable[[bytes], None]
    most_rows: int = MAX_ROWS

    def from_document(self, document: bytes, files: Mapping[str, Blob]) -> Prepared | AnySpec:
        """Raises MalformedDocument, or InvalidSpec with every broken rule.

        A spec: it names variants of pipelines, which must be looked up for ``from_spec``.
        """
        return self.unless_looked_up(self.spec_of(document), files)

    def unless_looked_up(self, spec: AnySpec, files: Mapping[str, Blob]) -> Prepared | AnySpec:
        """As ``from_spec``; the spec itself if what it names must be looked up first."""
        return spec if variants_of(spec) else self.from_spec(spec, files)

    def spec_of(self, document: bytes) -> AnySpec:
        """Raises MalformedDocument, or InvalidSpec with every broken rule of its form."""
        try:
            return parse_spec(document)
        except InvalidSpec as error:
            raise InvalidSpec(*error.broken, *self.rules.unknown_names(from_json(document))) from None

    def from_spec(self, spec: AnySpec, files: Mapping[str, Blob], looked_up: LookedUp = NOTHING) -> Prepared:
        """The same for a spec that is one already, and what was ``looked_up`` of all it names."""
        broken = [*self.rules.broken(spec), *_unused(spec, files), *looked_up.broken]
        task, blobs, found = self._task(spec, files, looked_up.variants)
        if task is None or broken or found:
            raise InvalidSpec(*broken, *found)
        # A variant may be changed later, which doesn't make another request of it.
        return Prepared(task, blobs, fingerprint(task if isinstance(spec, InferenceSpec) else spec, blobs))

    def _task(
        self, spec: AnySpec, files: Mapping[str, Blob], variants: Variants
    ) -> tuple[AnyTask | None, list[Blob], Sequence[Broken]]:
        if isinstance(spec, PipelineSpec):
            task, broken = self.pipelines.task(spec, variants)
            return task, [], broken
        if isinstance(spec, MeasurementSpec):
            task, broken = self.measurements.task(spec, variants)
            return task, [], broken
        if not isinstance(spec, InferenceSpec):
            return spec, [], []
        try:
            task, blobs = pack(spec, files, self.check_image, self.most_rows)
        except InvalidSpec as error:
            return None, [], error.broken
        return task, blobs, []


class Fingerprint:
    """A fingerprint in the making; ``copy`` goes on with other inputs of the same task."""

    __slots__ = ("_total",)

    def __init__(self, task: AnyTask | AnySpec) -> None:
        ordered = task.model_copy(update={"labels": dict(sorted(task.labels.items()))})
        self._total = hashlib.sha256((task.kind + ordered.model_dump_json(exclude_defaults=True)).encode())

    def copy(self) -> Self:
        """Another, as far as this one is."""
        other = object.__new__(type(self))
        other._total = self._total.copy()
        return other

    def add(self, blob: Blob) -> None:
        """The next input."""
        self._total.update(blob.digest() if isinstance(blob, Arrived) else hashlib.sha256(blob).digest())

    def hexdigest(self, retry_of: str = "") -> str:
        """The fingerprint."""
        self._total.update(retry_of.encode())
        return self._total.hexdigest()


def fingerprint(task: AnyTask | AnySpec, blobs: Sequence[Blob], retry_of: str = "") -> str:
    """sha256 over the task, the digests of its inputs and the job that is tried again, if any.

    Defaults that were written out, the order of labels and the way a photo was sent make no difference, nor does
    a field that a newer release adds with a default.
    """
    total = Fingerprint(task)
    for blob in blobs:
        total.add(blob)
    return total.hexdigest(retry_of)


def _unused(spec: AnySpec, files: Mapping[str, Blob]) -> list[tuple[str, str]]:
    inputs = spec.inputs if isinstance(spec, InferenceSpec) else []
    used = {getattr(getattr(item, "tensor", item), "file", None) for item in inputs}
    return [(f"/{name}", "no input names this part") for name in files if name not in used]
