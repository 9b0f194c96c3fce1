"""The one path of a job through a worker."""

import asyncio
import errno
import threading

import pytest

from shared.errors import (
    InputUnreadable,
    JobCancelled,
    SourceUnavailable,
    StaleClaim,
)
from shared.jobs import Cancelled, Completed, Failed
from shared.states import JobState
from tests.support.workshop import DONE, LIMIT_S, raising


def artifacts_of(shop):
    return shop.artifacts.keys("jobs/")


async def test_a_finished_job_has_its_result_its_artifacts_and_no_scratch(shop):
    def work(context):
        path = context.scratch / "drawing.png"
        path.write_bytes(b"pixels")
        context.save_artifact("drawing.png", path, "image/png")
        context.progress(0.5, "half")
        context.progress(0.7, "more")
        return DONE

    shop.handler.work = work
    await shop.submit()
    shop.runner.run("job")
    job = await shop.job()
    assert (job.state, job.outcome) == (JobState.COMPLETED, Completed(result=DONE))
    assert [(ref.name, ref.size, ref.media_type) for ref in job.artifacts] == [("drawing.png", 6, "image/png")]
    assert artifacts_of(shop) == [f"jobs/job/{job.fence}/drawing.png"]
    assert shop.artifacts.stat(f"jobs/job/{job.fence}/drawing.png").sha256 == job.artifacts[0].sha256
    events = "".join(shop.bus.heard)
    assert '"stage":"half"' in events
    assert '"stage":"more"' in events, "the last progress before the end is told"


async def test_a_second_delivery_finds_nothing_to_run(shop):
    await shop.submit()
    shop.runner.run("job")
    shop.runner.run("job")
    shop.runner.run("never-heard-of")
    assert len(shop.handler.contexts) == 1


async def test_a_delivery_of_a_job_that_runs_elsewhere_is_dropped(shop):
    await shop.submit()
    shop.claim()
    shop.runner.run("job")
    assert shop.handler.contexts == []
    assert (await shop.job()).state is JobState.RUNNING


async def test_a_retryable_error_is_tried_again_after_a_pause_until_attempts_are_used_up(shop):
    shop.handler.work = raising(SourceUnavailable("no route"))
    await shop.submit(max_attempts=2)
    shop.runner.run("job")
    job = await shop.job()
    assert (job.state, job.attempt) == (JobState.PENDING, 1)
    assert shop.queue.depth("io") == 0, "not before the back-off is over"
    shop.outbox.start()
    message = await asyncio.to_thread(shop.queue.take, "io", LIMIT_S)
    assert message is not None
    shop.runner.run(message.job_id)
    job = await shop.job()
    assert job.state is JobState.FAILED
    assert isinstance(job.outcome, Failed)
    assert (job.outcome.error.code, job.outcome.error.detail) == ("source-unavailable", "no route")
    assert [attempt.number for attempt in job.attempts] == [0, 1]
    assert artifacts_of(shop) == []


async def test_an_error_that_trying_again_cannot_help_fails_at_once(shop):
    shop.handler.work = raising(InputUnreadable("not a photo"))
    await shop.submit()
    shop.runner.run("job")
    job = await shop.job()
    assert isinstance(job.outcome, Failed)
    assert (job.state, job.outcome.error.code, len(job.attempts)) == (JobState.FAILED, "input-unreadable", 1)
    assert artifacts_of(shop) == []


async def test_an_unexpected_error_is_internal_names_its_type_and_is_tried_again(shop):
    shop.handler.work = raising(ZeroDivisionError("oh"))
    await shop.submit()
    shop.runner.run("job")
    job = await shop.job()
    assert job.state is JobState.PENDING
    assert job.attempts[0].error
    assert (job.attempts[0].error.code, job.attempts[0].error.detail) == ("internal", "ZeroDivisionError: oh")


async def test_a_full_disk_has_its_own_name_and_is_not_tried_again(shop):
    shop.handler.work = raising(OSError(errno.ENOSPC, "No space left on device", "/data/file"))
    await shop.submit()
    shop.runner.run("job")
    job = await shop.job()
    assert isinstance(job.outcome, Failed)
    assert job.outcome.error.code == "out-of-space"
    assert "/data/file" in job.outcome.error.detail


async def test_a_job_cancelled_while_it_runs_ends_cancelled_with_the_caller_s_reason(shop):
    started, cancelled = threading.Event(), threading.Event()

    def work(context):
        context.save_artifact("half.txt", b"half", "text/plain")
        started.set()
        assert cancelled.wait(LIMIT_S)
        shop.keeper.look()
        context.check()
        return DONE

    shop.handler.work = work
    await shop.submit()
    run = asyncio.create_task(asyncio.to_thread(shop.runner.run, "job"))
    assert await asyncio.to_thread(started.wait, LIMIT_S)
    await shop.front.request_cancel("job", "changed my mind")
    cancelled.set()
    await run
    job = await shop.job()
    assert (job.state, job.outcome) == (JobState.CANCELLED, Cancelled(reason="changed my mind"))
    assert artifacts_of(shop) == []


async def test_a_wish_to_stop_is_learned_from_a_progress_report_too(shop):
    def work(context):
        asyncio.run(shop.front.request_cancel("job", "enough"))
        context.progress(0.1, "work")
        with pytest.raises(JobCancelled):
            context.check()
        return DONE

    shop.handler.work = work
    await shop.submit()
    await asyncio.to_thread(shop.runner.run, "job")
    assert (await shop.job()).state is JobState.CANCELLED, "a result that comes after the wish doesn't count"


async def test_an_attempt_over_its_time_fails_with_code_timeout(shop):
    def work(context):
        while True:
            context.check()

    shop.handler.work = work
    await shop.submit(timeout_s=0.01)
    await asyncio.to_thread(shop.runner.run, "job")
    job = await shop.job()
    assert isinstance(job.outcome, Failed)
    assert job.outcome.error.code == "timeout"
    assert "0.01 s" in job.outcome.error.detail


async def test_a_stale_commit_changes_nothing_and_drops_its_own_artifacts(shop):
    def work(context):
        context.save_artifact("mine.txt", b"mine", "text/plain")
        shop.clock.ahead_s += 3600
        shop.upkeep.tend()
        other = shop.claim(worker="worker-2")
        theirs = shop.context(other)
        theirs.save_artifact("theirs.txt", b"theirs", "text/plain")
        shop.store.settle(other, Completed(result=DONE), theirs.artifacts)
        return DONE

    shop.handler.work = work
    await shop.submit()
    shop.runner.run("job")
    job = await shop.job()
    assert (job.state, job.fence) == (JobState.COMPLETED, 2)
    assert [ref.name for ref in job.artifacts] == ["theirs.txt"]
    assert artifacts_of(shop) == ["jobs/job/2/theirs.txt"]
    assert [(attempt.worker, attempt.error and attempt.error.code) for attempt in job.attempts] == [
        ("worker-1", "lost"),
        ("worker-2", None),
    ]


async def test_work_that_lost_its_job_is_told_to_stop(shop):
    def work(context):
        shop.clock.ahead_s += 3600
        shop.upkeep.tend()
        shop.keeper.look()
        with pytest.raises(StaleClaim):
            context.check()
        context.check()
        return DONE

    shop.handler.work = work
    await shop.submit()
    shop.runner.run("job")
    job = await shop.job()
    assert (job.state, job.attempt, len(job.attempts)) == (JobState.PENDING, 1, 1)


async def test_a_store_that_comes_back_gets_the_claim_and_the_commit(shop):
    shop.store.away = {"claim": 2, "settle": 2}
    await shop.submit()
    await asyncio.to_thread(shop.runner.run, "job")
    assert (await shop.job()).state is JobState.COMPLETED


async def test_a_commit_whose_answer_was_lost_keeps_its_artifacts(shop):
    def work(context):
        context.save_artifact("kept.txt", b"kept", "text/plain")
        return DONE

    shop.handler.work = work
    shop.store.deaf = {"settle": 1}
    await shop.submit()
    await asyncio.to_thread(shop.runner.run, "job")
    job = await shop.job()
    assert (job.state, [ref.name for ref in job.artifacts]) == (JobState.COMPLETED, ["kept.txt"])
    assert artifacts_of(shop) == ["jobs/job/1/kept.txt"]


async def test_an_artifact_that_cannot_be_stored_fails_the_attempt(shop):
    shop.artifacts.room = 0
    shop.handler.work = raising(AssertionError("not reached"))
    await shop.submit()
    shop.runner.run("job")
    job = await shop.job()
    assert isinstance(job.outcome, Failed)
    assert job.outcome.error.code == "out-of-space"


async def test_a_job_is_completed_only_if_what_it_saved_can_be_read(shop):
    def work(context):
        context.save_artifact("kept.txt", b"kept", "text/plain")
        shop.artifacts.delete(f"jobs/job/{context.claim.fence}/kept.txt")
        return DONE

    shop.handler.work = work
    await shop.submit(max_attempts=1)
    shop.runner.run("job")
    job = await shop.job()
    assert isinstance(job.outcome, Failed)
    assert (job.outcome.error.code, "kept.txt" in job.outcome.error.detail) == ("store-unavailable", True)


async def test_work_that_asks_the_process_to_exit_has_failed(shop):
    shop.handler.work = raising(SystemExit(0))
    await shop.submit(max_attempts=1)
    shop.runner.run("job")
    job = await shop.job()
    assert isinstance(job.outcome, Failed)
    assert job.outcome.error.detail == "SystemExit: 0"
