"""The scripts say what the language says."""

import json
import re
from dataclasses import fields
from importlib import resources

import pytest
import redis

from shared.adapters.redis_jobs.codec import FORMATS
from shared.adapters.redis_jobs.scripts import ALLOW_OOM, Scripts, load_scripts, prelude, read_lua
from shared.events import INLINE_OUTCOME_BYTES
from shared.settings import JobSettings, Settings
from shared.states import TERMINAL, JobState, may_become

FILES = sorted(
    each.name.removesuffix(".lua")
    for each in resources.files("shared.adapters").joinpath("lua").iterdir()
    if each.name.endswith(".lua")
)


def test_the_server_sees_the_state_table_and_the_limits(settings: Settings):
    text = prelude(Settings(jobs=JobSettings(events_kept=7, inputs_ttl_s=8))) + (
        "return {cjson.encode(MAY), cjson.encode(TERMINAL), cjson.encode(FORMATS), EVENTS_KEPT, INPUTS_TTL_S, INLINE_OUTCOME_BYTES}"
    )
    with redis.Redis.from_url(settings.store_url) as client:
        may, terminal, formats, *limits = client.eval(text, 0, "prefix", "id")

    table = json.loads(may)
    assert {(a, b) for a in JobState for b in JobState if may_become(a, b)} == {
        (a, b) for a in table for b in table[a]
    }
    assert set(json.loads(terminal)) == TERMINAL
    assert json.loads(formats) == FORMATS
    assert limits == [7, 8, INLINE_OUTCOME_BYTES]


@pytest.mark.parametrize("name", FILES)
def test_every_file_compiles(settings: Settings, name: str):
    text = read_lua(name) if name in {"age", "announce", "workers"} else prelude(Settings()) + read_lua(name)
    with redis.Redis.from_url(settings.store_url) as client:
        assert re.fullmatch("[0-9a-f]{40}", client.script_load(text))


def test_every_file_is_used():
    assert set(FILES) == {"prelude", "age", "announce", "workers"} | {field.name for field in fields(Scripts)}


def test_only_one_place_writes_the_state():
    """Creation gives the first one; every later one goes through ``become``."""
    writers = [name for name in FILES if re.search(r"'HSET'[^\n]*'state'|'state', state", read_lua(name))]
    assert writers == ["prelude"]
    calls = [name for name in FILES if "become(" in read_lua(name)]
    assert calls == ["cancel", "claim", "expire", "give_up", "prelude", "settle"]


def test_only_what_makes_jobs_and_records_is_refused_when_memory_is_full():
    scripts = load_scripts(Settings())
    refused = [each.name for each in fields(scripts) if not getattr(scripts, each.name).text.startswith(ALLOW_OOM)]
    assert refused == ["checkpoint", "create", "measure"]


def test_a_digest_changes_with_the_limits():
    assert (
        load_scripts(Settings()).claim.digest
        != load_scripts(Settings(jobs=JobSettings(events_kept=1))).claim.digest
    )
