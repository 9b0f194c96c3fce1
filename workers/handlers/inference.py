"""Inference jobs: which models there are in this process, and who does the work."""

from collections.abc import Sequence

from shared.errors import ModelUnusable
from shared.packing import InferenceTask
from shared.results import InferenceResult, InstalledModel
from workers.handlers import WorkerEnvironment
from workers.handlers.inference_gestures import letters, words
from workers.handlers.inference_inputs import Asking, Inputs, images
from workers.handlers.inference_keypoints import hands, pose
from workers.handlers.inference_networks import look
from workers.runtimes import registry
from workers.runtimes.contract import Host
from workers.runtimes.loaded import LoadedModels


def build(environment: WorkerEnvironment) -> "InferenceHandler":
    """The handler of one worker process; no model is loaded yet."""
    settings = environment.settings.worker
    # Unless told otherwise, one thread a call: for networks this small, waking a second costs more than it does.
    host = Host(environment.device.id, threads=settings.threads or 1, slots=settings.concurrency)
    return InferenceHandler(environment, host)


class InferenceHandler:
    """Handler of inference jobs."""

    def __init__(self, environment: WorkerEnvironment, host: Host) -> None:
        self._entries = environment.catalogue.by_name
        self._entry_of = environment.entry
        self._media = environment.media_store
        self._device = host.device
        settings = environment.settings.worker
        self._inline_bytes = settings.inline_bytes
        self._models = LoadedModels(environment.catalogue, environment.model_store, host, settings.networks)

    def run(self, context: Asking) -> InferenceResult:
        """Answer every input. Raises ModelError, InputUnreadable, and what ``context.check`` raises."""
        task = context.task
        if not isinstance(task, InferenceTask):
            raise TypeError(task.kind)
        entry = self._entries.get(task.model) or self._entry_of(task.model)
        if entry is None:
            msg = f"{task.model} isn't installed, nor in this worker's catalogue: {', '.join(self._entries)}"
            raise ModelUnusable(msg)
        read = {item.media: self._media.ensure(item.media) for item in task.inputs if item.media}
        inputs = Inputs(context, task, entry, {name: images(medium) for name, medium in read.items()})
        match entry.architecture:
            case "hand_landmarker":
                return hands(inputs, self._models)
            case "pose_landmarker":
                return pose(inputs, self._models)
            case "word_lstm":
                return words(inputs, self._models, self._device)
            case "alphabet_mlp":
                return letters(inputs, self._models, self._device)
            case "network":
                return look(inputs, self._models, self._device, self._inline_bytes)

    def warm(self, models: Sequence[InstalledModel]) -> None:
        """See Handler."""
        self._models.warm(models)

    def loaded(self) -> list[str]:
        """See Handler."""
        return self._models.names()

    def runtimes(self) -> list[str]:
        """See Handler."""
        return registry.working(self._device)

    def close(self) -> None:
        """See Handler."""
        self._models.close()
