"""Two gateway processes and two workers of one lane: everyone does its share."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from client.local import LocalStack
from client.sdk import Framelane
from tests.support.gateway import HAND
from tests.support.models import ROOT
from tests.support.polling import eventually
from tests.support.stacks import data_dir_with_models, own_environ, stack_on

pytestmark = [pytest.mark.service, pytest.mark.models]

CALLERS, JOBS = 8, 25


@contextmanager
def second_worker(stack: LocalStack) -> Iterator[None]:
    environ = {
        "REDIS_URL": stack.redis_url,
        "FRAMELANE_ARTIFACTS__DIRECTORY": str(stack.data_dir / "artifacts"),
        "FRAMELANE_WORKER__DATA_DIR": str(stack.data_dir / "worker"),
    }
    command = [sys.executable, "-m", "workers.main", "--device", "CPU", "--class", "fast"]
    with subprocess.Popen(command, cwd=ROOT, env=own_environ() | environ, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


async def ask(url: str) -> None:
    async def caller() -> None:
        async with httpx2.AsyncClient(base_url=url, timeout=60) as client:
            for _ in range(JOBS):
                answer = await client.post("/api/v1/gestures/asl/predict", json={"landmarks": HAND})
                assert answer.status_code == 200, answer.text

    await asyncio.gather(*(caller() for _ in range(CALLERS)))


async def test_workers_of_a_lane_share_its_jobs(tmp_path: Path) -> None:
    data = data_dir_with_models(tmp_path / "data")
    with (
        stack_on(data, gateway_workers=2) as stack,
        Framelane(stack.url) as client,
        second_worker(stack),
    ):
        eventually(lambda: sum(each.lane == "cpu" for each in client.workers()) == 2 or None)
        await ask(stack.url)
        page = httpx2.get(f"{stack.url}/api/v1/jobs", params={"limit": 200, "kind": "inference"}).json()
        ran = Counter(job["attempts"][-1]["worker"] for job in page["jobs"])
        assert ran.total() == CALLERS * JOBS
        assert len(ran) == 2
        assert min(ran.values()) >= ran.total() / 4, "in a lane under load nobody rests while another works"
