"""The job store's Lua scripts, with the state table and the limits written into them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib import resources

from shared.adapters.redis_connection import Script
from shared.events import INLINE_OUTCOME_BYTES
from shared.settings import JobSettings
from shared.states import TERMINAL, TRANSITIONS


@dataclass(frozen=True, slots=True)
class Scripts:
    """One per step of a job and per question about many; arguments and answers stand at the top of each file."""

    backlog: Script
    blobs: Script
    cancel: Script
    claim: Script
    create: Script
    delete: Script
    discard: Script
    find: Script
    give_up: Script
    known: Script
    lapsed: Script
    published: Script
    renew: Script
    report: Script
    settle: Script
    unpublished: Script


def load_scripts(settings: JobSettings) -> Scripts:
    """The scripts, ready to send. Raises OSError if the package lacks their files."""
    start = prelude(settings)
    return Scripts(**{field.name: Script.of(start + read_lua(field.name)) for field in fields(Scripts)})


def prelude(settings: JobSettings) -> str:
    """``MAY[current][following]``, ``TERMINAL[state]`` and the limits as Lua, then what the scripts share."""
    following = {str(state): _table(dict.fromkeys(after, "true")) for state, after in TRANSITIONS.items()}
    constants = {
        "MAY": _table(following),
        "TERMINAL": _table(dict.fromkeys(TERMINAL, "true")),
        "EVENTS_KEPT": settings.events_kept,
        "INPUTS_TTL_S": settings.inputs_ttl_s,
        "INLINE_OUTCOME_BYTES": INLINE_OUTCOME_BYTES,
    }
    return "".join(f"local {name} = {value}\n" for name, value in constants.items()) + read_lua("prelude")


def read_lua(name: str) -> str:
    """The text of one file of ``adapters/lua``."""
    return resources.files("shared.adapters").joinpath("lua", f"{name}.lua").read_text("utf-8")


def _table(entries: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{name} = {value}" for name, value in sorted(entries.items())) + "}"
