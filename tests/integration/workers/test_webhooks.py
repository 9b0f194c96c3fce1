"""Terminal events on their way from the job store to receivers that are well, ill, slow or gone."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from shared.jobs import CallbackStatus, Completed, ErrorInfo, Failed
from shared.ports import NewJob
from shared.results import SweepResult
from shared.settings import CallbackSettings, Settings
from shared.specs import SweepSpec
from tests.support.polling import soon
from tests.support.receiver import drip, hang, receiving, status, verify
from tests.support.rigs import Jobs, redis_jobs
from workers.webhooks import courier as couriers
from workers.webhooks.courier import Courier

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SWEPT = SweepResult(jobs=0, artifacts=0, orphans=0, uploads=0, freed_bytes=0)

pytestmark = pytest.mark.service


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(couriers, "PERIOD_S", 0.05)


@pytest.fixture
async def jobs(settings: Settings):
    rig = redis_jobs(settings)
    yield rig
    await rig.front.close()
    rig.workshop.close()


def callback_settings(**changes) -> CallbackSettings:
    given = {"secret": SECRET, "timeout_s": 5.0, "first_pause_s": 0.1, "private_hosts": ["127.0.0.1"]}
    return CallbackSettings.model_validate(given | changes)


@contextmanager
def couriering(jobs: Jobs, **changes) -> Iterator[Courier]:
    courier = Courier(callback_settings(**changes), jobs.workshop)
    courier.start()
    try:
        yield courier
    finally:
        courier.stop(1.0)


async def end_one(jobs: Jobs, url: str, outcome: Completed | Failed | None = None) -> str:
    job_id = str(uuid4())
    task = SweepSpec(callback_url=url)
    await jobs.front.create(NewJob(id=job_id, task=task, lane="io", fingerprint=job_id))
    claim = jobs.workshop.claim(job_id, "worker", 60)
    assert claim
    jobs.workshop.settle(claim, outcome or Completed(result=SWEPT))
    return job_id


async def callback_when(jobs: Jobs, job_id: str, holds: Callable[[CallbackStatus], bool]) -> CallbackStatus:
    async def found() -> CallbackStatus | None:
        told = (await jobs.front.get(job_id)).callback
        assert told is not None
        return told if holds(told) else None

    return await soon(found)


def settled(told: CallbackStatus) -> bool:
    return told.state != "waiting"


async def test_the_terminal_event_arrives_signed(jobs: Jobs):
    error = ErrorInfo(code="poison", title="t", detail="d")
    with receiving() as receiver, couriering(jobs):
        job_id = await end_one(jobs, receiver.url, Failed(error=error))
        told = await callback_when(jobs, job_id, settled)

    assert told == CallbackStatus(state="delivered", tries=1)
    (got,) = receiver.got
    assert verify(SECRET, got.headers, got.body, time.time(), tolerance_s=60)
    body = json.loads(got.body)
    assert body["type"] == "job.failed"
    assert body["data"] == json.loads((await jobs.front.events(job_id, 0))[-1])
    assert body["data"]["outcome"]["error"]["code"] == "poison"
    assert got.headers["content-type"] == "application/json"
    assert got.headers["webhook-id"] == f"msg_{job_id}_{body['data']['seq']}"


async def test_a_receiver_that_is_ill_gets_the_same_message_until_it_is_well(jobs: Jobs):
    with receiving(status(500), status(503), status(302, location="/"), status(204)) as receiver, couriering(jobs):
        job_id = await end_one(jobs, receiver.url)
        told = await callback_when(jobs, job_id, settled)

    assert told == CallbackStatus(state="delivered", tries=4)
    assert len({(got.headers["webhook-id"], got.body) for got in receiver.got}) == 1
    assert all(verify(SECRET, got.headers, got.body, time.time(), tolerance_s=60) for got in receiver.got)
    pauses = [late.at - early.at for early, late in zip(receiver.got, receiver.got[1:], strict=False)]
    assert pauses[0] > 0.06
    assert pauses[2] > 0.6 * 0.9


async def test_gone_means_never_again_for_this_message(jobs: Jobs):
    with receiving(status(410), status(204)) as receiver, couriering(jobs):
        first = await end_one(jobs, receiver.url)
        assert await callback_when(jobs, first, settled) == CallbackStatus(
            state="failed", tries=1, error="status 410"
        )
        second = await end_one(jobs, receiver.url)
        assert (await callback_when(jobs, second, settled)).state == "delivered"
    assert len(receiver.got) == 2


async def test_patience_ends(jobs: Jobs):
    with receiving(status(500)) as receiver, couriering(jobs, patience_s=1.0):
        job_id = await end_one(jobs, receiver.url)
        told = await callback_when(jobs, job_id, settled)
    assert (told.state, told.error) == ("failed", "status 500")
    assert told.tries == len(receiver.got) >= 2


@pytest.mark.parametrize("conduct", [hang, drip(b"HTTP/1.1 200 OK\r\n")], ids=["hangs", "drips"])
async def test_one_that_keeps_us_waiting_costs_its_own_slot_only(jobs: Jobs, conduct):
    with receiving(conduct) as slow, receiving() as quick, couriering(jobs, timeout_s=1.0, per_worker=2):
        waiting = await end_one(jobs, slow.url)
        slow.wait_for(1)
        prompt = [await end_one(jobs, quick.url) for _ in range(5)]
        for job_id in prompt:
            assert (await callback_when(jobs, job_id, settled)).tries == 1
        told = await callback_when(jobs, waiting, lambda told: told.tries > 0)
    assert told.error == "no answer within 1 s"
    assert told.state == "waiting"


async def test_private_addresses_are_not_called(jobs: Jobs):
    with receiving() as inner, couriering(jobs, private_hosts=[]):
        port = inner.url.rpartition(":")[2]
        for host in ("127.0.0.1", "localhost", "2130706433"):
            job_id = await end_one(jobs, f"http://{host}:{port}/")
            told = await callback_when(jobs, job_id, lambda told: told.tries > 0)
            assert told.error == "its host has an address that isn't public"
    assert inner.got == []


async def test_a_restart_forgets_nothing(jobs: Jobs):
    with receiving(status(500), status(204)) as receiver:
        with couriering(jobs, first_pause_s=1.0):
            job_id = await end_one(jobs, receiver.url)
            await callback_when(jobs, job_id, lambda told: told.tries == 1)
        with couriering(jobs):
            told = await callback_when(jobs, job_id, settled)
    assert told == CallbackStatus(state="delivered", tries=2)
    assert receiver.got[0].headers["webhook-id"] == receiver.got[1].headers["webhook-id"]


async def test_one_that_died_in_the_middle_of_a_try_is_replaced(jobs: Jobs, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(couriers, "_TELLING_S", 0.2)
    with receiving() as receiver:
        dead = Courier(callback_settings(timeout_s=0.5), jobs.workshop)
        dead._deliver = lambda _callback, _signer: None
        job_id = await end_one(jobs, receiver.url)
        dead.step()
        assert jobs.workshop.due_callbacks(1.0) == []
        with couriering(jobs):
            assert (await callback_when(jobs, job_id, settled)).state == "delivered"


async def test_several_couriers_deliver_each_message_once_and_few_at_a_time(jobs: Jobs):
    most, now, lock = 0, 0, threading.Lock()

    def busy(request) -> None:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        status(204)(request)
        with lock:
            now -= 1

    with receiving(busy) as receiver:
        ids = [await end_one(jobs, receiver.url) for _ in range(30)]
        with couriering(jobs, per_worker=2), couriering(jobs, per_worker=2):
            for job_id in ids:
                assert (await callback_when(jobs, job_id, settled)).tries == 1
    assert len(receiver.got) == len({got.headers["webhook-id"] for got in receiver.got}) == 30
    assert most <= 4


async def test_stopping_does_not_wait_for_a_receiver(jobs: Jobs):
    with receiving(hang) as receiver:
        courier = Courier(callback_settings(timeout_s=30), jobs.workshop)
        courier.start()
        await end_one(jobs, receiver.url)
        receiver.wait_for(1)
        begun = time.monotonic()
        courier.stop(0.3)
        assert time.monotonic() - begun < 15


async def test_without_a_secret_nothing_is_sent(jobs: Jobs):
    with receiving() as receiver, couriering(jobs, secret="") as courier:
        job_id = await end_one(jobs, receiver.url)
        courier.step()
        assert len(jobs.workshop.due_callbacks(1.0)) == 1
    assert receiver.got == []
    assert (await jobs.front.get(job_id)).callback.tries == 0


async def test_what_a_url_may_hide_is_not_logged(jobs: Jobs):
    with receiving(status(500), status(204)) as receiver:
        job_id = await end_one(jobs, f"{receiver.url}/hidden-path?key=hidden-key")
        courier = Courier(callback_settings(first_pause_s=0.01), jobs.workshop)
        with capture_logs() as lines, ThreadPoolExecutor(1) as pool:
            pool.submit(courier.step).result()
            await callback_when(jobs, job_id, lambda told: told.tries == 1)
            while not receiver.got[1:]:
                pool.submit(courier.step).result()
            await callback_when(jobs, job_id, settled)
            courier.stop()
    assert {line["event"] for line in lines} == {"webhook_delivered", "webhook_not_delivered"}
    assert "hidden" not in repr(lines)
