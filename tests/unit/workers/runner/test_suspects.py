"""Jobs that may have killed workers run alone."""

import asyncio
import threading

from shared.states import JobState
from tests.support.polling import eventually
from tests.support.workshop import DONE, LIMIT_S


async def test_a_suspect_runs_alone_whether_or_not_its_message_says_so(shop):
    began, end = threading.Event(), threading.Event()

    def work(context):
        if context.job.id == "ordinary":
            began.set()
            assert end.wait(LIMIT_S)
        return DONE

    shop.handler.work = work
    for name in ("told", "untold"):
        await shop.submit(name, max_attempts=2)
        shop.claim(name, worker="dead")
    shop.upkeep.bury("dead", "it died")
    await shop.submit("ordinary")
    runs = [asyncio.create_task(asyncio.to_thread(shop.runner.run, "ordinary"))]
    assert await asyncio.to_thread(began.wait, LIMIT_S)
    runs.append(asyncio.create_task(asyncio.to_thread(shop.runner.run, "untold")))
    await asyncio.to_thread(eventually, lambda: shop.keeper.busy == 2)
    runs.append(asyncio.create_task(asyncio.to_thread(shop.runner.run, "told", alone=True)))
    await asyncio.to_thread(eventually, lambda: shop.runner._waiting)
    assert len(shop.handler.contexts) == 1, "they wait"
    assert (await shop.job("told")).state is JobState.PENDING, "its lease doesn't run meanwhile"
    end.set()
    await asyncio.wait_for(asyncio.gather(*runs), LIMIT_S)
    assert {context.job.id for context in shop.handler.contexts} == {"ordinary", "told", "untold"}
    for name in ("ordinary", "told", "untold"):
        assert (await shop.job(name)).state is JobState.COMPLETED


async def test_a_second_message_of_a_job_that_waits_for_its_turn_takes_up_no_thread(shop):
    began, end = threading.Event(), threading.Event()

    def work(context):
        if context.job.id == "ordinary":
            began.set()
            assert end.wait(LIMIT_S)
        return DONE

    shop.handler.work = work
    await shop.submit("ordinary")
    await shop.submit("suspect")
    runs = [asyncio.create_task(asyncio.to_thread(shop.runner.run, "ordinary"))]
    assert await asyncio.to_thread(began.wait, LIMIT_S)
    runs.append(asyncio.create_task(asyncio.to_thread(shop.runner.run, "suspect", alone=True)))
    await asyncio.to_thread(eventually, lambda: shop.runner._waiting)
    await asyncio.wait_for(asyncio.to_thread(shop.runner.run, "suspect", alone=True), LIMIT_S)
    assert (await shop.job("suspect")).state is JobState.PENDING
    end.set()
    await asyncio.wait_for(asyncio.gather(*runs), LIMIT_S)
    assert (await shop.job("suspect")).state is JobState.COMPLETED


async def test_a_suspect_that_waits_for_its_turn_can_be_cancelled(shop):
    began, end = threading.Event(), threading.Event()

    def work(context):
        began.set()
        assert end.wait(LIMIT_S)
        return DONE

    shop.handler.work = work
    await shop.submit("suspect", max_attempts=2)
    shop.claim("suspect", worker="dead")
    shop.upkeep.bury("dead", "it died")
    await shop.submit("ordinary")
    ordinary = asyncio.create_task(asyncio.to_thread(shop.runner.run, "ordinary"))
    assert await asyncio.to_thread(began.wait, LIMIT_S)
    suspect = asyncio.create_task(asyncio.to_thread(shop.runner.run, "suspect"))
    await asyncio.to_thread(eventually, lambda: shop.keeper.busy == 2)
    await shop.front.request_cancel("suspect", "enough")
    shop.keeper.look()
    await asyncio.wait_for(suspect, LIMIT_S)
    assert (await shop.job("suspect")).state is JobState.CANCELLED
    end.set()
    await ordinary
