"""``make soak``: a whole system under most of the load it can bear, and what that leaves (``--minutes 20``).

Fails if an act failed, if a process that lived through the second half surely grows faster than ``--growth`` MiB an
hour (least squares, minus twice the standard error), or if a process, file, object or key is left that wasn't there
before, after all jobs are gone.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from client.local import LocalStack
from tests.faults.field import new_mark
from tests.faults.members import lives, marked
from tests.soak.acts import Acts
from tests.soak.leftovers import kept, passing
from tests.soak.load import Done, Load
from tests.soak.memory import Growth, Watch
from tests.soak.system import RETENTION_S, S3, Soaked, running

SHARE = 0.8
CAPACITY_S = 30.0
SETTLE_S = 240.0
_LOOK_S = 2.0


@dataclass(frozen=True)
class Found:
    """What a run told."""

    most: Done
    done: Done
    growths: list[Growth]
    short_lived: int
    left: Counter[str]
    passing: Counter[str]
    strays: list[str]


async def soak(soaked: Soaked, seconds: float, seed: int, mark: str) -> Found:
    """The whole run, on a fresh system."""
    acts = Acts(soaked.stack.url, soaked.key, soaked.folder, seed)
    load = Load(acts)
    try:
        await acts.open()
        first = await load.each(2)
        print(f"warm: {first.acts.total()} acts, failures: {dict(first.failures)}", flush=True)
        before = await _settled(soaked, acts, None)
        most = await load.flat_out(CAPACITY_S)
        print(f"at most {most.per_s:.1f} acts/s; {dict(most.failures)}", flush=True)
        watch = Watch(soaked.roots)
        done = await load.paced(SHARE * most.per_s, seconds)
        watch.stop()
        left = await _settled(soaked, acts, before)
    finally:
        await acts.close()
    return Found(
        most=most,
        done=done,
        growths=watch.second_half(),
        short_lived=watch.short_lived,
        left=left - before,
        passing=passing(soaked),
        strays=_strays(soaked.stack, mark),
    )


async def _settled(soaked: Soaked, acts: Acts, before: Counter[str] | None) -> Counter[str]:
    """What is kept once no job is: as soon as that is no more than ``before``, else the least that was seen."""
    end = time.monotonic() + (SETTLE_S if before is not None else 1.5 * RETENTION_S)
    least: Counter[str] | None = None
    while time.monotonic() < end:
        none = await acts.clear() == 0
        now = await asyncio.to_thread(kept, soaked)
        if none and (least is None or now.total() <= least.total()):
            least = now
            if before is not None and not now - before:
                break
        await asyncio.sleep(_LOOK_S)
    return least if least is not None else now


def _strays(stack: LocalStack, mark: str) -> list[str]:
    """Processes of the run whose parent isn't one."""
    ours = set(stack.pids().values())
    known = {each.pid: each for each in marked(mark)}
    return [
        " ".join(each.cmdline()) for each in known.values() if each.pid not in ours and each.ppid() not in known
    ]


def report(found: Found, bound: float) -> bool:
    """Whether all is well; says why not."""
    done = found.done
    print(
        f"{done.acts.total()} acts in {done.seconds:.0f} s: {done.per_s:.1f}/s of {found.most.per_s:.1f}/s at most"
    )
    print(f"  {dict(done.acts.most_common())}; not begun: {done.not_begun}")
    print(f"second half, {found.short_lived} other processes came and went:")
    for each in sorted(found.growths, key=lambda growth: growth.name):
        print(
            f"  {each.name:<28} {each.first:7.1f} -> {each.last:7.1f} MiB, slope {each.slope:+7.2f} MiB/h "
            f"(standard error {each.error:.2f}, {each.samples} samples)"
        )
    print(f"keys that go by themselves: {dict(found.passing) or 'none'}")
    wrong = {
        "acts that failed": dict(done.failures),
        f"processes that grow by more than {bound:g} MiB/h": [
            each.name for each in found.growths if each.name != S3 and each.exceeds(bound)
        ],
        "left behind": dict(found.left),
        "processes without a parent": found.strays,
    }
    for what, them in wrong.items():
        print(f"{what}: {them or 'none'}")
    return not any(wrong.values())


def main() -> int:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--growth", type=float, default=16, help="MiB an hour that a process may grow by")
    parser.add_argument("--seed", type=int, default=1)
    given, mark = parser.parse_args(), new_mark()
    with tempfile.TemporaryDirectory(prefix="framelane-soak-") as folder:
        with running(Path(folder), mark) as soaked:
            found = asyncio.run(soak(soaked, given.minutes * 60, given.seed, mark))
        well = report(found, given.growth)
        alive = [each.cmdline() for each in marked(mark) if lives(each.pid)]
        print(f"processes left after the stop: {alive or 'none'}")
    return int(not well or bool(alive))


if __name__ == "__main__":
    sys.exit(main())
