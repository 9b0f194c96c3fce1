"""Inference jobs: which models there are in this process, and who does the work."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from shared.catalogue import CatalogueEntry
from shared.devices import Device
from shared.errors import FramelaneError, ModelUnusable
from shared.packing import InferenceTask
from shared.predictions import BatchPrediction
from shared.results import InferenceResult, InstalledModel
from workers import meters
from workers.handlers import WorkerEnvironment
from workers.handlers.inference_gestures import letters, words
from workers.handlers.inference_inputs import Asking, Inputs, images
from workers.handlers.inference_keypoints import hands, pose
from workers.handlers.inference_networks import look
from workers.handlers.inference_together import TOGETHER, answer_together, brings_numbers
from workers.helpers import Helpers
from workers.runtimes import registry
from workers.runtimes.contract import Host
from workers.runtimes.loaded import LoadedModels


def build(environment: WorkerEnvironment) -> "InferenceHandler":
    """The handler of one worker process; no model is loaded yet."""
    settings = environment.settings.worker
    # Unless told otherwise, one thread a call: for networks this small, waking a second costs more than it does.
    device = environment.device
    host = Host(device.id, threads=settings.threads or 1, slots=settings.concurrency)
    on_cpu = device.family is Device.CPU
    return InferenceHandler(environment, host, Helpers((settings.threads or device.cores or 1) if on_cpu else 1))


def _rows(result: InferenceResult) -> int:
    return sum(len(each.confidences) if isinstance(each, BatchPrediction) else 1 for each in result.predictions)


def _caught(call: Callable[[], InferenceResult]) -> InferenceResult | Exception:
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - it is one job's
        return error


class InferenceHandler:
    """Handler of inference jobs."""

    def __init__(self, environment: WorkerEnvironment, host: Host, helpers: Helpers) -> None:
        self._entries = environment.catalogue.by_name
        self._entry_of = environment.entry
        self._media = environment.media_store
        self._device = host.device
        self._helpers = helpers
        settings = environment.settings.worker
        self._inline_bytes = settings.inline_bytes
        self._models = LoadedModels(environment.catalogue, environment.model_store, host, settings.networks)

    def run(self, context: Asking) -> InferenceResult:
        """Answer every input. Raises ModelError, InputUnreadable, and what ``context.check`` raises."""
        result = self._run(context)
        spent_ms = result.timings.model_ms or result.timings.landmarks_ms
        meters.inferred(result.model, result.runtime, result.device, spent_ms / 1_000, _rows(result))
        meters.answered(result)
        return result

    def _run(self, context: Asking) -> InferenceResult:
        task = context.task
        if not isinstance(task, InferenceTask):
            raise TypeError(task.kind)
        entry = self._entry(task.model)
        read = {item.media: self._media.ensure(item.media, context.tenant) for item in task.inputs if item.media}
        inputs = Inputs(context, task, entry, {name: images(medium) for name, medium in read.items()})
        match entry.architecture:
            case "hand_landmarker":
                return hands(inputs, self._models)
            case "pose_landmarker":
                return pose(inputs, self._models)
            case "word_lstm":
                return words(inputs, self._models, self._device)
            case "alphabet_mlp":
                return letters(inputs, self._models, self._device, self._helpers)
            case "network":
                return look(inputs, self._models, self._device, self._inline_bytes)

    def run_many(self, contexts: Sequence[Asking]) -> list[InferenceResult | Exception]:
        """The same of many, each with its own end. Numbers for the same network go through it at once."""
        found: dict[int, InferenceResult | Exception] = {}
        alike: dict[tuple[object, ...], list[int]] = defaultdict(list)
        for number, context in enumerate(contexts):
            task = context.task
            if isinstance(task, InferenceTask) and brings_numbers(task):
                alike[task.model, task.options.runtime, task.options.precision].append(number)
            else:
                found[number] = _caught(lambda context=context: self.run(context))
        for numbers in alike.values():
            found.update(zip(numbers, self._answers([contexts[number] for number in numbers]), strict=True))
        return [found[number] for number in range(len(contexts))]

    def _answers(self, contexts: Sequence[Asking]) -> Sequence[InferenceResult | Exception]:
        """Of jobs that bring numbers for the same model, runtime and precision."""
        tasks = [task for context in contexts if isinstance(task := context.task, InferenceTask)]
        options = tasks[0].options
        try:
            entry = self._entry(tasks[0].model)
            if entry.architecture not in TOGETHER:
                return [_caught(lambda context=context: self.run(context)) for context in contexts]
            loaded = self._models.classifier(entry, options.runtime, options.precision)
        except FramelaneError as error:  # it is the same for all
            return [error] * len(contexts)
        jobs = [Inputs(context, task, entry) for context, task in zip(contexts, tasks, strict=True)]
        return answer_together(jobs, loaded, self._device)

    def _entry(self, model: str) -> CatalogueEntry:
        entry = self._entries.get(model) or self._entry_of(model)
        if entry is None:
            msg = f"{model} isn't installed, nor in this worker's catalogue: {', '.join(self._entries)}"
            raise ModelUnusable(msg)
        return entry

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
        self._helpers.close()
        self._models.close()
