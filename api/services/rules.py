"""What a spec may say beyond its form: rules of the catalogue, and of who may be called back."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

from api.services.entries import Entries
from api.services.source_rules import source_rules
from shared.addresses import literal_host_refused
from shared.catalogue import CatalogueEntry
from shared.devices import AUTO, family_of
from shared.inputs import DataInput, FileInput, LandmarksInput, MediaInput, SequenceInput, TensorInput
from shared.measurements import ComparedModel, ValidateSpec
from shared.media import MediaCatalogue
from shared.packing import AnyTask, InferenceTask, PackedKind, ValidateTask
from shared.settings import Settings
from shared.specs import (
    AnySpec,
    InferenceSpec,
    MediaDownloadSpec,
    ModelConvertSpec,
    ModelDownloadSpec,
    ModelUploadSpec,
)

Broken = list[tuple[str, str]]

_UNSIGNED = (
    "this gateway takes no callbacks: nothing is set to sign them with; the operator sets "
    "FRAMELANE_CALLBACKS__SECRET (whsec_ and base64 of 24 to 64 bytes), the same for gateways and workers"
)

_KINDS: dict[type, PackedKind] = {
    LandmarksInput: "landmarks",
    SequenceInput: "sequence",
    DataInput: "image",
    FileInput: "image",
    TensorInput: "tensor",
    MediaInput: "image",
}


class Rules:
    """Checks specs against the catalogues and the operator's settings. Pipelines have rules of their own."""

    def __init__(self, entries: Entries, media: MediaCatalogue, settings: Settings) -> None:
        self.entries = entries
        self.pickles = settings.models.pickles
        self.media = frozenset(media.by_name)
        self._settings = settings
        self._callbacks = settings.callbacks

    def broken(self, spec: AnySpec) -> Broken:
        """Every rule the spec breaks, by JSON pointer."""
        compared = spec.model if isinstance(spec, ValidateSpec) else None
        of_model = self._compared(spec.device, compared) if compared else []
        return [*self._work(spec), *of_model, *self._callback(spec.callback_url)]

    def _work(self, spec: AnySpec) -> Broken:
        match spec:
            case ModelDownloadSpec():
                return self._download(spec)
            case ModelConvertSpec():
                return self._conversion(spec)
            case ModelUploadSpec() if spec.model.name in self.entries.shipped:
                return [("/model/name", f"{spec.model.name} is a model of the catalogue; choose another name")]
            case MediaDownloadSpec():
                return self._unknown_media(spec.media)
            case InferenceSpec():
                return self._inference(spec)
            case _:
                return []

    def _download(self, spec: ModelDownloadSpec) -> Broken:
        names = (name.partition("@")[0] for name in spec.models)
        unknown = self._unknown_names((f"/models/{number}", name) for number, name in enumerate(names))
        found = source_rules(spec.source, self.entries.shipped, self._settings) if spec.source else []
        return [*unknown, *found]

    def _inference(self, spec: InferenceSpec) -> Broken:
        entry = self.entries.get(spec.model)
        if entry is None:
            return self._unknown_names([("/model", spec.model)])
        kinds: list[tuple[str, PackedKind]] = [
            (f"/inputs/{number}", _KINDS[type(item)]) for number, item in enumerate(spec.inputs)
        ]
        return [*_wrong_inputs(entry, kinds), *_wrong_place(entry, spec)]

    def _conversion(self, spec: ModelConvertSpec) -> Broken:
        entry = self.entries.get(spec.model)
        if entry is None:
            return self._unknown_names([("/model", spec.model)])
        if "openvino" not in entry.runtimes:
            return [("/model", f"{spec.model} doesn't run with OpenVINO")]
        if spec.calibration.media and entry.architecture != "network":
            return [
                ("/calibration/media", f"{spec.model} is shown no pictures: it is calibrated with made-up hands")
            ]
        return []

    def _compared(self, device: str, model: ComparedModel) -> Broken:
        entry = self.entries.get(model.name)
        if entry is None:
            return self._unknown_names([("/model/name", model.name)])
        if model.runtime not in entry.runtimes:
            says = f"model {entry.name} runs with {', '.join(entry.runtimes)} only"
            return [("/model/runtime", says)]
        broken: Broken = []
        if model.precision and model.runtime == "torch":
            broken.append(("/model/precision", "is of OpenVINO variants only: leave it out, or the runtime"))
        if model.media and entry.architecture != "network":
            broken.append(("/model/media", f"{entry.name} is shown no pictures: it is compared on made-up hands"))
        if device != AUTO and family_of(device) not in entry.devices:
            broken.append(("/device", f"model {entry.name} runs on {', '.join(entry.devices)} only"))
        return broken

    def _callback(self, url: str | None) -> Broken:
        if url is None:
            return []
        if not self._callbacks.secret.get_secret_value():
            return [("/callback_url", _UNSIGNED)]
        refused = literal_host_refused(url, self._callbacks.private_hosts)
        return [("/callback_url", refused)] if refused else []

    def unknown_names(self, document: Any) -> Broken:
        """Unknown models in a document that isn't a valid spec."""
        if not isinstance(document, dict):
            return []
        fields = cast("dict[str, Any]", document)
        listed: list[Any] = fields["models"] if isinstance(fields.get("models"), list) else []
        named = [("/model", fields.get("model")), *((f"/models/{at}", name) for at, name in enumerate(listed))]
        media: list[Any] = fields["media"] if isinstance(fields.get("media"), list) else []
        return [
            *self._unknown_names((pointer, name) for pointer, name in named if isinstance(name, str)),
            *self._unknown_media(media),
        ]

    def needs(self, task: AnyTask) -> list[str]:
        """Models that must be installed for the task: its own, and what its kinds of input ask for."""
        if isinstance(task, ModelConvertSpec):
            return [task.model]
        if isinstance(task, ValidateTask) and task.model is not None:
            return [task.model.name]
        if not isinstance(task, InferenceTask):
            return []
        entry = self.entries.get(task.model)
        if entry is None:
            return [task.model]
        others = {name for item in task.inputs for name in entry.requires.get(item.kind, [])}
        return [task.model, *sorted(others)]

    def _unknown_names(self, named: Iterable[tuple[str, str]]) -> Broken:
        known = ", ".join(self.entries)
        return [
            (pointer, f"unknown model {name[:100]!r}; known models: {known}")
            for pointer, name in named
            if name not in self.entries
        ]

    def _unknown_media(self, names: Sequence[Any]) -> Broken:
        known = ", ".join(sorted(self.media))
        return [
            (f"/media/{number}", f"unknown medium {name[:100]!r}; known media: {known}")
            for number, name in enumerate(names)
            if isinstance(name, str) and name not in self.media
        ]


def _wrong_inputs(entry: CatalogueEntry, kinds: Sequence[tuple[str, PackedKind]]) -> Broken:
    taken = ", ".join(entry.accepts)
    return [
        (pointer, f"model {entry.name} doesn't take {kind} inputs; it takes {taken}")
        for pointer, kind in kinds
        if kind not in entry.accepts
    ]


def _wrong_place(entry: CatalogueEntry, spec: InferenceSpec) -> Broken:
    broken: Broken = []
    if spec.device != AUTO and family_of(spec.device) not in entry.devices:
        broken.append(("/device", f"model {entry.name} runs on {', '.join(entry.devices)} only"))
    if spec.options.runtime != "auto" and spec.options.runtime not in entry.runtimes:
        broken.append(("/options/runtime", f"model {entry.name} runs with {', '.join(entry.runtimes)} only"))
    broken += _wrong_precision(entry, spec)
    return broken


def _wrong_precision(entry: CatalogueEntry, spec: InferenceSpec) -> Broken:
    options = spec.options
    if options.precision and (options.runtime == "torch" or "openvino" not in entry.runtimes):
        return [("/options/precision", "is of OpenVINO variants only: leave it out, or the runtime")]
    return []
