"""The model catalogue: what can be installed, from where, under which licence. Data: ``library/models.yaml``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, RootModel, model_validator

from shared.devices import Device
from shared.packing import PackedKind
from shared.sources import Category, ModelFile

Precision = Literal["FP32", "FP16", "INT8"]

SHIPPED = Path(__file__).parent / "library" / "models.yaml"


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TensorContract(_Entry):
    """An input or output of a network; -1 in ``shape`` where it is open. ``meaning``: in words, with units."""

    name: str
    shape: list[int]
    dtype: str = "f32"
    meaning: str = ""


class CatalogueEntry(_Entry):
    """A model that can be installed.

    ``architecture`` names the code that knows its tensors; ``accepts`` the packed inputs it takes;
    ``model_proc``: how its input is prepared and its output read, in DL Streamer's words and some of ours;
    architecture ``network``: pipelines use it, and inference jobs, both by its model_proc; its first file is the
    model. ``requires`` models that must be installed for some inputs (a photo needs landmarks first; a detector of
    text needs a reader). ``inputs`` and ``outputs``: the network's own tensors. ``precisions``: of its files.
    ``default``: of the set that is worth having first.
    """

    name: str
    display_name: str
    category: Category
    licence: str
    architecture: Literal["alphabet_mlp", "word_lstm", "hand_landmarker", "pose_landmarker", "network"]
    description: str = ""
    files: list[ModelFile]
    labels: list[str] = []
    points: list[str] = []
    model_proc: dict[str, Any] | None = None
    inputs: list[TensorContract] = []
    outputs: list[TensorContract] = []
    precisions: list[Precision] = ["FP32"]
    default: bool = False
    accepts: list[PackedKind] = []
    requires: dict[PackedKind, list[str]] = {}
    devices: list[Device] = list(Device)
    runtimes: list[Literal["torch", "openvino", "mediapipe"]] = ["openvino"]

    @property
    def verified(self) -> bool:
        """Whether each of its files is checked against a known sha256."""
        return all(file.sha256 is not None for file in self.files)

    @property
    def proc(self) -> dict[str, Any] | None:
        """``model_proc``; its first output has the entry's labels, if it names none itself."""
        if not self.model_proc or not self.labels:
            return self.model_proc
        outputs: list[dict[str, Any]] = self.model_proc.get("output_postproc", [])
        labelled = [{"labels": self.labels, **output} for output in outputs[:1]]
        return {**self.model_proc, "output_postproc": [*labelled, *outputs[1:]]}


class Catalogue(RootModel[list[CatalogueEntry]]):
    """All entries; names are unique and what an entry requires is in the catalogue."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="after")
    def _consistent(self) -> "Catalogue":
        names = [entry.name for entry in self.root]
        if len(set(names)) != len(names):
            msg = "catalogue names must be unique"
            raise ValueError(msg)
        for entry in self.root:
            for needed in entry.requires.values():
                if unknown := set(needed) - set(names):
                    msg = f"{entry.name} requires unknown {sorted(unknown)}"
                    raise ValueError(msg)
        return self

    @property
    def by_name(self) -> Mapping[str, CatalogueEntry]:
        """Entries by their name, in the file's order."""
        return {entry.name: entry for entry in self.root}


def load_catalogue(path: Path | None = None) -> Catalogue:
    """Read a catalogue file; the shipped one by default. Raises pydantic.ValidationError."""
    return Catalogue.model_validate(yaml.safe_load((path or SHIPPED).read_text("utf-8")))
