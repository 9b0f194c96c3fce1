"""From what a client sent to what is accepted, or everything that is wrong with it. Pure."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic_core import from_json

from api.services.documents import parse_spec
from api.services.rules import Rules
from shared.errors import InvalidSpec
from shared.packing import AnyTask, pack
from shared.specs import AnySpec, InferenceSpec


@dataclass(frozen=True, slots=True)
class Prepared:
    """A task with its inputs. ``fingerprint`` is equal for requests that ask for the same."""

    task: AnyTask
    blobs: Sequence[bytes]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Preparer:
    """Knows the rules. ``check_image`` raises ValueError for bytes that aren't a photo we take."""

    rules: Rules
    check_image: Callable[[bytes], None]

    def from_document(self, document: bytes, files: Mapping[str, bytes]) -> Prepared:
        """Raises MalformedDocument, or InvalidSpec with every broken rule."""
        try:
            spec = parse_spec(document)
        except InvalidSpec as error:
            raise InvalidSpec(*error.broken, *self.rules.unknown_names(from_json(document))) from None
        return self.from_spec(spec, files)

    def from_spec(self, spec: AnySpec, files: Mapping[str, bytes]) -> Prepared:
        """The same for a spec that is one already."""
        broken = self.rules.broken(spec)
        task, blobs = spec, list[bytes]()
        if isinstance(spec, InferenceSpec):
            try:
                task, blobs = pack(spec, files, self.check_image)
            except InvalidSpec as error:
                broken += error.broken
        broken += _unused(spec, files)
        if broken or isinstance(task, InferenceSpec):
            raise InvalidSpec(*broken)
        return Prepared(task, blobs, fingerprint(task, blobs))


def fingerprint(task: AnyTask, blobs: Sequence[bytes], retry_of: str = "") -> str:
    """sha256 over the task, the digests of its inputs and the job that is tried again, if any.

    Defaults that were written out, the order of labels and the way a photo was sent make no difference, nor does
    a field that a newer release adds with a default.
    """
    ordered = task.model_copy(update={"labels": dict(sorted(task.labels.items()))})
    total = hashlib.sha256((task.kind + ordered.model_dump_json(exclude_defaults=True)).encode())
    for blob in blobs:
        total.update(hashlib.sha256(blob).digest())
    total.update(retry_of.encode())
    return total.hexdigest()


def _unused(spec: AnySpec, files: Mapping[str, bytes]) -> list[tuple[str, str]]:
    used = {getattr(item, "file", None) for item in spec.inputs} if isinstance(spec, InferenceSpec) else set[str]()
    return [(f"/{name}", "no input names this part") for name in files if name not in used]
