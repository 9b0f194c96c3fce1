"""A stack of our images at work."""

import io
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from PIL import Image

from client.sdk import Framelane
from shared.states import JobState
from tests.images.engine import Engine
from tests.images.making import STAND_INS
from tests.support.compose import read_env, write_env
from tests.support.model_jobs import LABELS, PROC, TABLE
from tests.support.onnx import colours
from tests.support.polling import eventually

_WAIT_S = 300
_ADMIN = ("valkey-cli", "--user", "admin")


class Story:
    """Each step is a line; what isn't as it should be raises AssertionError."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = folder
        write_env(engine.env_file, folder / "no-devices")
        valkey, s3 = STAND_INS
        more = {"VALKEY_IMAGE": valkey, "S3_IMAGE": s3, "FRAMELANE_VERSION": "tried"}
        with engine.env_file.open("a") as file:
            file.writelines(f"{name}={value}\n" for name, value in more.items())
        self._env = read_env(engine.env_file)
        self._url = "http://127.0.0.1:8000"

    def told(self) -> Iterator[str]:
        """Start, work, stop."""
        yield self._start()
        yield self._walls()
        with Framelane(self._url, key=self._env["FRAMELANE_AUTH__ADMIN_KEY"]) as client:
            yield self._model(client)
            yield self._inference(client)
            yield self._pipeline(client)
        yield self._watchers()
        yield self._rights()
        yield self._backup("backup")
        yield self._stop()
        yield self._loss()
        yield self._start()
        yield self._found()

    def _start(self) -> str:
        began = time.monotonic()
        self._engine.compose(
            "--profile", "cpu", "--profile", "flower", "up", "-d", "--no-build", "--wait", limit_s=900
        )
        names = self._engine.containers()
        assert len(names) == 7, names
        return f"{len(names)} containers are healthy after {time.monotonic() - began:.0f} s"

    def _walls(self) -> str:
        look = "id -u; touch /x 2>&1; grep -E '^(CapEff|NoNewPrivs)' /proc/self/status"
        for name in self._engine.containers():
            if name != "framelane-s3-1":
                said = self._engine.podman("exec", name, "sh", "-c", look, check=False).split()
                assert said[0] in {"10001", "999"}, said
                assert {"Read-only", "0000000000000000"} <= set(said), said
                assert said[-1] == "1", said
        return "all but S3's: no root, no capabilities, no new privileges, nothing to write but /tmp and volumes"

    def _model(self, client: Framelane) -> str:
        file = self._folder / "colours.onnx"
        file.write_bytes(colours(TABLE))
        sent = client.upload(file)
        told = {"name": "colours", "category": "classification", "labels": LABELS, "model_proc": PROC}
        files = [{"upload": sent.id, "sha256": sent.sha256}]
        return self._done(client, {"kind": "model_upload", "model": {**told, "files": files}})

    def _inference(self, client: Framelane) -> str:
        red = np.zeros((1200, 1600, 3), np.uint8)
        red[..., 0] = 255
        noisy = red.copy()
        noisy[..., 1:] = np.random.default_rng(1).integers(0, 60, noisy[..., 1:].shape)
        for picture in (red, noisy):
            content = io.BytesIO()
            Image.fromarray(picture).save(content, "PNG")
            spec = {"kind": "inference", "model": "colours", "device": "CPU", "inputs": [{"file": "a"}]}
            told = self._done(client, spec, files={"a": content.getvalue()})
        assert len(content.getvalue()) > 1024 * 1024, "the second is large enough to be staged"
        return told

    def _pipeline(self, client: Framelane) -> str:
        text = "videotestsrc num-buffers=100 ! video/x-raw,width=64,height=48 ! fakesink name=default_output_sink"
        source = {"source": "description", "pipeline_description": text}
        return self._done(client, {"kind": "pipeline", "device": "CPU", "output_mode": "file", "pipeline": source})

    def _done(self, client: Framelane, spec: dict[str, Any], **more: Any) -> str:
        job = client.wait(client.submit(spec, **more).id, _WAIT_S)
        assert job.state is JobState.COMPLETED, job
        for each in client.artifacts(job.id):
            client.download(job.id, each.name, self._folder / each.name)
        return f"a job {job.kind} is {job.state.value}"

    def _watchers(self) -> str:
        up = ("--profile", "monitoring", "up", "--no-build", "--no-deps", "prometheus-key")
        keys = []
        for _ in range(2):  # the second time it keeps what it has
            self._engine.compose(*up)
            mounted = ("--volume", "framelane_prometheus-key:/key:ro", "--entrypoint", "cat")
            image = "docker.io/library/framelane-gateway:tried"
            keys.append(self._engine.podman("run", "--rm", *mounted, image, "/key/prometheus.key").strip())
        assert keys[0] == keys[1]
        with httpx2.Client(trust_env=False, timeout=30) as client:
            figures, flower = f"{self._url}/metrics", "http://127.0.0.1:5555/api/workers?refresh=1"
            assert client.get(figures).status_code == client.get(flower).status_code == 401
            assert client.get(figures, headers={"Authorization": f"Bearer {keys[0]}"}).status_code == 200
            name, _, password = self._env["FLOWER_BASIC_AUTH"].partition(":")
            eventually(lambda: len(client.get(flower, auth=(name, password)).json()) == 3, within_s=60)
        return "Prometheus' key opens /metrics, Flower's login the workers; nothing opens them without"

    def _admin(self, *command: str) -> str:
        login = ("--env", f"REDISCLI_AUTH={self._env['VALKEY_PASSWORD']}")
        return self._engine.podman("exec", *login, "framelane-valkey-1", *_ADMIN, *command).strip()

    def _rights(self) -> str:
        assert self._admin("acl", "log") == "", "refused to somebody"
        clients = self._admin("client", "list")
        users = {word.removeprefix("user=") for word in clients.split() if word.startswith("user=")}
        assert users == {"admin", "gateway", "worker", "flower"}, users
        return f"Valkey knows {', '.join(sorted(users))} and refused nobody"

    def _backup(self, act: str) -> str:
        """Or restore, as docs/how-to/upgrade-and-backup.md says."""
        there = self._folder / "backups"
        there.mkdir(mode=0o700, exist_ok=True)
        os.chown(there, 10001, -1)
        url = f"FRAMELANE_REDIS__URL=redis://backup:{self._env['VALKEY_BACKUP_PASSWORD']}@valkey:6379/0"
        run = ("run", "--rm", "--no-deps", "-T", "-e", url, "-v", f"{there}:/backups", "--entrypoint", "framelane")
        self._engine.compose(*run, "gateway", act, "/backups/first")
        assert (there / "first" / "manifest.json").exists()
        assert self._admin("acl", "log") == "", "refused to somebody"
        return f"the stack's {act} is done"

    def _loss(self) -> str:
        assert self._admin("flushall") == "OK"
        return f"Valkey lost everything, and {self._backup('restore')}"

    def _found(self) -> str:
        with Framelane(self._url, key=self._env["FRAMELANE_AUTH__ADMIN_KEY"]) as client:
            jobs = [job for job in client.jobs() if job.state is JobState.COMPLETED]
            assert {job.kind for job in jobs} >= {"model_upload", "inference", "pipeline"}, jobs
            return f"{len(jobs)} jobs are there again, and {self._inference(client)}"

    def _stop(self) -> str:
        began = time.monotonic()
        ours = [name for name in self._engine.containers() if "worker" in name or "gateway" in name]
        for name in ours:
            self._engine.podman("stop", "--time", "30", name)
        took = time.monotonic() - began
        ends = {name: json.loads(self._engine.podman("inspect", name))[0]["State"]["ExitCode"] for name in ours}
        assert set(ends.values()) == {0}, ends
        return f"gateway and workers ended by themselves, one after the other in {took:.0f} s"
