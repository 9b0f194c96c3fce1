"""The contract as files: ``python -m api.contracts`` writes them anew into ``docs/reference``."""

import json
from pathlib import Path
from typing import Any

from api import asyncapi
from api.main import create_app

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
REFRESH = "make contracts"


def documents() -> dict[str, str]:
    """Each file's name and text."""
    return {"openapi.json": _text(create_app().openapi()), "asyncapi.json": _text(asyncapi.render())}


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, text in documents().items():
        (FOLDER / name).write_text(text, "utf-8")
