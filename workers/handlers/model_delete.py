"""Removal of models: first from the registry, then their files."""

from collections.abc import Sequence

import structlog

from shared.results import InstalledModel, ModelDeleteResult
from shared.specs import ModelDeleteSpec
from workers.context import JobContext
from workers.handlers import WorkerEnvironment
from workers.installation import delete_files, keys_of, versions
from workers.model_right import ModelRight

log = structlog.stdlib.get_logger()


def build(environment: WorkerEnvironment) -> "ModelDelete":
    """The handler of ``model_delete`` jobs."""
    return ModelDelete(environment)


class ModelDelete:
    """Handler of ``model_delete`` jobs; holds nothing between them.

    Whether somebody uses a model is for the gateway to say, before it accepts the job.
    """

    def __init__(self, environment: WorkerEnvironment) -> None:
        self._artifacts = environment.artifacts
        self._beacon = environment.beacon

    def run(self, context: JobContext) -> ModelDeleteResult:
        """See the port. What an attempt that was lost unregistered isn't told again; a sweep takes its files."""
        if not isinstance(context.task, ModelDeleteSpec):
            msg = f"not a removal: {context.task.kind}"
            raise TypeError(msg)
        right = ModelRight(self._beacon)
        removed: list[InstalledModel] = []
        try:
            for name in dict.fromkeys(context.task.models):
                right.take(context.check)
                if model := self._beacon.models().get(name):
                    self._remove(model, right)
                    removed.append(model)
        finally:
            right.release()
        files = {file.sha256: file.size for model in removed for each in versions(model) for file in each.files}
        return ModelDeleteResult(models=[model.name for model in removed], freed_bytes=sum(files.values()))

    def _remove(self, model: InstalledModel, right: ModelRight) -> None:
        self._beacon.uninstall(model.name)
        log.info("model_removed", model=model.name, version=model.version)
        files = ((each, key) for each in versions(model) for key in keys_of(each))
        delete_files(self._artifacts, self._beacon, right, files)

    def warm(self, models: Sequence[InstalledModel]) -> None:
        """Removals need no model."""

    def loaded(self) -> list[str]:
        """None."""
        return []

    def runtimes(self) -> list[str]:
        """None."""
        return []

    def close(self) -> None:
        """Nothing is held."""
