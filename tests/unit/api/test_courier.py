"""Which jobs wait together."""

from collections.abc import Iterator

import pytest
from anyio import CapacityLimiter

from api.services.courier import Courier
from shared.adapters.celery_queue import CeleryJobQueue
from shared.packing import InferenceTask, PackedInput
from shared.ports import Envelope
from shared.queue_settings import BatchingSettings
from shared.routing import Route
from shared.settings import BrokerSettings, Settings

ROUTE = Route("framelane.inference", "cpu", 5)
ROW = PackedInput(kind="landmarks", blob=0, rows=1)


def task(*inputs: PackedInput) -> InferenceTask:
    return InferenceTask(model="asl", inputs=list(inputs))


@pytest.fixture
def queue() -> Iterator[CeleryJobQueue]:
    queue = CeleryJobQueue(Settings())
    yield queue
    queue.close()


def message(
    queue: CeleryJobQueue, asked: InferenceTask, jobs: int = 64, *, alone: bool = False
) -> tuple[str, Envelope | None]:
    courier = Courier(queue, CapacityLimiter(1), 1.0, BatchingSettings(jobs=jobs, rows=64))
    return courier.message(asked, ROUTE, "an-id", {}, alone=alone)


def test_numbers_of_one_model_wait_together(queue: CeleryJobQueue) -> None:
    group, summons = message(queue, task(ROW, ROW.model_copy(update={"kind": "tensor", "rows": 63})))
    assert group == "inference:asl"
    assert summons is not None
    assert b'"task": "framelane.batch"' in summons.body
    assert b"'5:cpu:inference:asl'" in summons.body
    assert message(queue, task(ROW))[1] != message(queue, task(ROW))[1]


@pytest.mark.parametrize(
    "inputs",
    [
        [ROW.model_copy(update={"rows": 65})],
        [ROW, ROW.model_copy(update={"kind": "image"})],
        [ROW.model_copy(update={"kind": "image", "media": "hands"})],
    ],
)
def test_photos_and_many_rows_run_alone(queue: CeleryJobQueue, inputs: list[PackedInput]) -> None:
    group, own = message(queue, task(*inputs))
    assert group == ""
    assert own is not None
    assert b'"task": "framelane.inference"' in own.body


def test_what_is_tried_again_runs_alone(queue: CeleryJobQueue) -> None:
    assert message(queue, task(ROW), alone=True)[0] == ""


def test_batches_of_one_are_none(queue: CeleryJobQueue) -> None:
    assert message(queue, task(ROW), jobs=1)[0] == ""


def test_a_broker_elsewhere_has_no_places() -> None:
    elsewhere = CeleryJobQueue(Settings(broker=BrokerSettings(url="redis://127.0.0.1:1/1")))
    assert message(elsewhere, task(ROW)) == ("", None)
    elsewhere.close()
