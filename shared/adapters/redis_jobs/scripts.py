"""The job store's Lua scripts, with the state table and the limits written into them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib import resources

from shared.adapters.records import micros
from shared.adapters.redis_connection import Script
from shared.adapters.redis_jobs.codec import FORMATS
from shared.events import INLINE_OUTCOME_BYTES
from shared.settings import Settings
from shared.states import TERMINAL, TRANSITIONS

ALLOW_OOM = "#!lua flags=allow-oom\n"
"""All but what makes jobs and keeps records runs when memory is full: it leads to some being free again."""

_REFUSED = {"create", "measure", "checkpoint"}


@dataclass(frozen=True, slots=True)
class Scripts:
    """One per step of a job and per question about many; arguments and answers stand at the top of each file."""

    backlog: Script
    blobs: Script
    callback_tried: Script
    cancel: Script
    checkpoint: Script
    claim: Script
    create: Script
    delete: Script
    discard: Script
    due_callbacks: Script
    events: Script
    expire: Script
    find: Script
    give_up: Script
    known: Script
    leases: Script
    list_older: Script
    measure: Script
    movable: Script
    move: Script
    note_lost: Script
    outlived: Script
    pick: Script
    published: Script
    records: Script
    renew: Script
    report: Script
    revive: Script
    settle: Script
    take_turn: Script
    unpublished: Script
    waiting_lanes: Script


def load_scripts(settings: Settings) -> Scripts:
    """The scripts, ready to send. Raises OSError if the package lacks their files."""
    start = prelude(settings)
    texts = {field.name: f"{start}{_step(read_lua(field.name))}" for field in fields(Scripts)}
    return Scripts(
        **{name: Script.of(text if name in _REFUSED else ALLOW_OOM + text) for name, text in texts.items()}
    )


def prelude(settings: Settings) -> str:
    """``MAY[current][following]``, ``TERMINAL[state]``, ``FORMATS[kind]`` and the limits, then what is shared."""
    following = {str(state): _table(dict.fromkeys(after, "true")) for state, after in TRANSITIONS.items()}
    constants = {
        "MAY": _table(following),
        "TERMINAL": _table(dict.fromkeys(TERMINAL, "true")),
        "FORMATS": _table({kind: str(number) for kind, number in FORMATS.items()}),
        "EVENTS_KEPT": settings.jobs.events_kept,
        "RECORDS_KEPT": settings.jobs.records_kept,
        "INPUTS_TTL_S": settings.jobs.inputs_ttl_s,
        "RETENTION_US": micros(settings.jobs.retention_s),
        "PATIENCE_US": micros(settings.callbacks.patience_s),
        "INLINE_OUTCOME_BYTES": INLINE_OUTCOME_BYTES,
    }
    return "".join(f"local {name} = {value}\n" for name, value in constants.items()) + read_lua("prelude")


def _step(text: str) -> str:
    """One script, after which its events are told: those of many jobs in one message."""
    return f"local function step()\n{text}end\nlocal answer = step()\ntell()\nreturn answer\n"


def read_lua(name: str) -> str:
    """The text of one file of ``adapters/lua``."""
    return resources.files("shared.adapters").joinpath("lua", f"{name}.lua").read_text("utf-8")


def _table(entries: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{name} = {value}" for name, value in sorted(entries.items())) + "}"
