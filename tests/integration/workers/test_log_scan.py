"""Logs of workers at their most talkative, and what they tell of jobs: no secret of ours, signature, token or link."""

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from deploy.redis_acl import ROLES, lines
from shared.adapters.redis_jobs import RedisJobStore
from shared.adapters.s3_artifacts import S3ArtifactStore
from shared.jobs import Completed, JobRecord
from shared.settings import RedisSettings, Settings
from tests.support.pipeline_lab import Lab
from tests.support.pipelines import needs_gstreamer
from tests.support.processes import System
from tests.support.receiver import receiving, status
from tests.support.secured import valkey_with_users
from tests.support.servers import S3Server, free_ports

pytestmark = [pytest.mark.service, needs_gstreamer()]

PREFIX = "scanned"
CONTENT = bytes(range(256)) * 400
DRAWN = "videotestsrc num-buffers=9 ! videoconvert ! fakesink name=default_output_sink"
FROM_CAMERA = "rtspsrc location=yard ! decodebin3 ! videoconvert ! fakesink name=default_output_sink"


@dataclass
class Scanned:
    """A system whose parts have nothing but secrets, all of them in ``hidden``."""

    system: System
    artifacts: S3ArtifactStore
    env: dict[str, str]
    hidden: dict[str, str] = field(default_factory=dict[str, str])

    def told(self) -> str:
        """All that workers said."""
        return "\n".join(
            json.dumps(line, ensure_ascii=False) for each in self.system.workers for line in each.lines
        )


@pytest.fixture
def scanned(tmp_path: Path, s3_server: S3Server) -> Iterator[Scanned]:
    made = {name: secrets.token_urlsafe(24) for name in ("camera", "in_address", "hook", "hub", *ROLES, "admin")}
    signing = base64.b64encode(secrets.token_bytes(32)).decode()
    store = s3_server.settings(f"scan-{secrets.token_hex(6)}")
    passwords = {role: made[role] for role in (*ROLES, "admin")}
    (nobody,) = free_ports(1)
    catalogue = tmp_path / "catalogue.yaml"
    catalogue.write_text(yaml.safe_dump([_entry(f"{store.bucket}/sources/a.bin")]))
    s3 = {"ENDPOINT": store.endpoint, "SECURE": "false", "ACCESS_KEY": store.access_key}
    cameras = {"yard": {"url": f"rtsp://eye:{made['camera']}@127.0.0.1:{nobody}/live?key={made['in_address']}"}}
    env = {
        "FRAMELANE_LOG__LEVEL": "DEBUG",
        "FRAMELANE_ARTIFACTS__KIND": "s3",
        "FRAMELANE_ARTIFACTS__BUCKET": store.bucket,
        "FRAMELANE_ARTIFACTS__SECRET_KEY": store.secret_key.get_secret_value(),
        "FRAMELANE_SOURCES__S3_SECRET_KEY": store.secret_key.get_secret_value(),
        **{f"FRAMELANE_ARTIFACTS__{name}": value for name, value in s3.items()},
        **{f"FRAMELANE_SOURCES__S3_{name}": value for name, value in s3.items()},
        "FRAMELANE_CALLBACKS__SECRET": f"whsec_{signing}",
        "FRAMELANE_CALLBACKS__FIRST_PAUSE_S": "0.1",
        "FRAMELANE_CALLBACKS__PRIVATE_HOSTS": '["127.0.0.1"]',
        "FRAMELANE_PIPELINES__CAMERAS": json.dumps(cameras),
        "HF_TOKEN": made["hub"],
        "GST_DEBUG": "3",
    }
    with valkey_with_users(tmp_path, lines(PREFIX, passwords), passwords["admin"]) as port:
        redis = RedisSettings(prefix=PREFIX, answer_s=5, connect_timeout_s=5)
        settings = Settings(REDIS_URL=f"redis://gateway:{made['gateway']}@127.0.0.1:{port}/0", redis=redis)
        system = System(settings, tmp_path, catalogue)
        env["REDIS_URL"] = f"redis://worker:{made['worker']}@127.0.0.1:{port}/0"
        artifacts = S3ArtifactStore(store)
        artifacts.put_bytes("sources/a.bin", CONTENT, "application/octet-stream")
        yield Scanned(
            system, artifacts, env, {**made, "signing": signing, "s3": env["FRAMELANE_ARTIFACTS__SECRET_KEY"]}
        )
        system.close()


def _entry(source: str) -> dict[str, object]:
    return {
        "name": "kept",
        "display_name": "kept",
        "category": "gesture",
        "licence": "MIT",
        "architecture": "alphabet_mlp",
        "accepts": ["landmarks"],
        "runtimes": ["torch"],
        "files": [{"name": "a.bin", "sha256": hashlib.sha256(CONTENT).hexdigest(), "sources": [{"s3": source}]}],
    }


async def test_nothing_secret_is_logged_or_told(scanned: Scanned) -> None:
    system = scanned.system
    system.start("io", **scanned.env)
    lab = Lab(system, **scanned.env)
    with receiving(status(500), status(200)) as receiver:
        hook = f"{receiver.url}/done?token={scanned.hidden['hook']}"
        fetched = await system.ended(await system.submit("kept", callback_url=hook))
        drawn = await lab.run(DRAWN, output_mode="file", callback_url=hook)
        failed = await lab.run(FROM_CAMERA, max_runtime_s=5)
        got = await asyncio.to_thread(receiver.wait_for, 3)
    assert isinstance(drawn.outcome, Completed), drawn.outcome
    assert not isinstance(failed.outcome, Completed), "nobody is there"
    assert scanned.artifacts.listing(f"jobs/{drawn.id}")
    for each in system.workers:
        assert each.stop() == 0
    link = scanned.artifacts.link(f"jobs/{drawn.id}/a", 60, "a")
    words = {**scanned.hidden, "a link's signature": "X-Amz-Signature", "a way of signing": "AWS4-HMAC-SHA256"}
    words |= {f"signature {number}": each.headers["webhook-signature"] for number, each in enumerate(got)}
    assert "X-Amz-Signature" in link
    log, told = scanned.told(), await _records(scanned, fetched, drawn, failed)
    assert len(log) > 5_000, "it isn't talkative"
    assert [name for name, word in words.items() if word in log] == []
    assert [name for name, word in words.items() if name != "hook" and word in told] == []


async def _records(scanned: Scanned, *jobs: JobRecord) -> str:
    """Outcomes and events; where a job's news go to is its caller's own."""
    store = RedisJobStore(scanned.system.settings)
    try:
        events = [event for job in jobs for event in await store.events(job.id, 0)]
    finally:
        await store.close()
    return "\n".join(
        [*events, *(job.model_dump_json(include={"outcome", "progress", "artifacts"}) for job in jobs)]
    )
