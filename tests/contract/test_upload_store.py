"""What every store of uploads promises."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from shared.adapters.memory import MemoryUploadStore
from shared.adapters.redis_uploads import RedisUploadStore
from shared.errors import TooManyUploads, UploadChanged, UploadNotFound
from shared.ports import UploadStore
from shared.uploads import Upload, UploadPart
from tests.support.polling import eventually


def upload(**changes: object) -> Upload:
    return Upload(id=str(uuid4()), filename="é.mp4", length=9).model_copy(update=changes)


def part(name: str = "part-0", size: int = 4) -> UploadPart:
    return UploadPart(name=name, size=size, sha256="ab")


@pytest.fixture(params=["memory", "redis"])
def store(request: pytest.FixtureRequest) -> Iterator[UploadStore]:
    kept = MemoryUploadStore() if request.param == "memory" else RedisUploadStore(
        request.getfixturevalue("settings")
    )  # fmt: skip
    yield kept
    kept.close()


def test_what_was_kept_is_found_as_it_was(store: UploadStore):
    begun = store.create(upload(version=7), 4)

    assert begun.version == 1
    assert store.get(begun.id) == begun
    longer = store.replace(begun.with_part(part()))
    assert longer.version == 2
    assert store.get(begun.id) == longer
    assert longer.offset == 4
    with pytest.raises(UploadChanged):
        store.create(upload(id=begun.id), 4)
    store.remove(begun.id)
    store.remove(begun.id)
    for call in (store.get, lambda _: store.replace(longer)):
        with pytest.raises(UploadNotFound):
            call(begun.id)


def test_of_those_that_write_at_once_one_wins(store: UploadStore):
    begun = store.create(upload(), 4)

    def write(number: int) -> int:
        try:
            store.replace(begun.with_part(part(f"part-{number}")))
        except UploadChanged:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(16))) == 1
    assert len(store.get(begun.id).parts) == 1


def test_only_so_many_are_kept_until_they_are_used(store: UploadStore):
    first = store.create(upload(), 2)
    second = store.create(upload(), 2)
    with pytest.raises(TooManyUploads):
        store.create(upload(), 2)

    used = store.replace(first.used("a-job"), keep_s=60)
    third = store.create(upload(), 2)
    assert store.get(first.id) == used
    with pytest.raises(TooManyUploads):
        store.create(upload(), 2)
    store.remove(third.id)
    store.create(upload(), 2)
    assert first.id not in store.idle(0)
    assert second.id in store.idle(0)


def test_used_ones_are_forgotten_in_time(store: UploadStore):
    begun = store.create(upload(), 2)
    store.replace(begun.used("a-job"), keep_s=0.001)

    eventually(lambda: not _is_known(store, begun.id))


def test_what_was_changed_just_now_is_not_idle(store: UploadStore):
    begun = store.create(upload(), 2)

    assert store.idle(0) == [begun.id]
    assert store.idle(60) == []


def _is_known(store: UploadStore, upload_id: str) -> bool:
    try:
        store.get(upload_id)
    except UploadNotFound:
        return False
    return True
