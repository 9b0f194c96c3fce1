"""Models by name: of the catalogue that ships, and installed ones that aren't in it."""

from collections.abc import Iterator, Mapping
from typing import Any

import structlog
from pydantic import ValidationError

from shared.catalogue import CatalogueEntry
from shared.results import InstalledModel

_log = structlog.stdlib.get_logger()


class Entries(Mapping[str, CatalogueEntry]):
    """As they were learnt last. Other threads may read meanwhile: they see all of the old, or all of the new."""

    def __init__(self, shipped: Mapping[str, CatalogueEntry]) -> None:
        self.shipped = dict(shipped)
        self._all = self.shipped
        self._told: dict[str, dict[str, Any]] = {}
        self.changes = 0

    def learn(self, installed: Mapping[str, InstalledModel]) -> None:
        """What is installed now. ``changes`` counts how often that made a difference."""
        told = {
            name: model.entry
            for name, model in installed.items()
            if model.entry is not None and name not in self.shipped
        }
        if told == self._told:
            return
        own = {name: entry for name, document in told.items() if (entry := _read(name, document))}
        self._all = {**self.shipped, **own}
        self._told = told
        self.changes += 1

    def __getitem__(self, name: str) -> CatalogueEntry:
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)


def _read(name: str, document: Mapping[str, Any]) -> CatalogueEntry | None:
    try:
        return CatalogueEntry.model_validate(document)
    except ValidationError as error:  # of a newer release
        _log.warning("model_not_understood", model=name, reason=str(error))
        return None
