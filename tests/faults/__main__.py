"""``python -m tests.faults``: injects faults into a running system and judges it by a ledger outside of it."""

import argparse
import asyncio
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from tests.faults.caller import Caller
from tests.faults.field import Field, new_mark
from tests.faults.members import Starter, kill_marked
from tests.faults.row import Row, Spec
from tests.faults.rows import ROWS
from tests.faults.scale import FULL, SHORT, Scale

_HEAD = ("row", "injected", "load", "must hold", "figure", "pass", "s")
_ROW_LIMIT_S = 600


class Program:
    """One run of the chosen rows."""

    def __init__(self, scale: Scale, seed: int, folder: Path) -> None:
        self._scale = scale
        self._seed = seed
        self._folder = folder
        self._starter = Starter()
        self._fields = 0
        self.mark = new_mark()
        self.passed = 0
        self.failed = 0

    async def run(self, specs: Sequence[Spec]) -> None:
        by_parts = [list(group) for _, group in groupby(sorted(specs, key=_parts), _parts)]
        _print_line(_HEAD)
        _print_line(["---"] * len(_HEAD))
        if self._scale.short:
            # Mostly waiting: side by side, every other row of a kind of field on a second one.
            halves = [half for group in by_parts for half in (group[::2], group[1::2]) if half]
            await asyncio.gather(*(self._group(half) for half in halves))
        else:
            for group in by_parts:
                await self._group(group)

    async def _group(self, specs: Sequence[Spec]) -> None:
        """Rows on one field; after a failure the next gets a fresh one."""
        field: Field | None = None
        try:
            for spec in specs:
                field = field or await self._open(spec)
                if not await self._row(spec, field):
                    await asyncio.to_thread(field.close)
                    field = None
        finally:
            if field:
                await asyncio.to_thread(field.close)

    async def _open(self, spec: Spec) -> Field:
        self._fields += 1
        name = "-".join(["field", str(self._fields), *sorted(spec.parts)])
        field = Field(self._folder / name, self._scale, self._starter, self.mark, spec.parts)
        await field.open()
        return field

    async def _row(self, spec: Spec, field: Field) -> bool:
        seed = random.Random(f"{self._seed}:{spec.name}").getrandbits(32)
        caller = Caller(spec.name, field.urls, field.pen, field.ledger, seed)
        row = Row(spec.name, field, random.Random(seed), caller)
        begun = time.monotonic()
        try:
            async with asyncio.timeout(_ROW_LIMIT_S):
                await spec.run(row)
        except Exception as error:  # noqa: BLE001  whatever breaks a row, the others go on
            row.broken.append("".join(traceback.format_exception_only(error)).strip())
            traceback.print_exc()
        finally:
            await caller.close()
        self._tell(spec, row, time.monotonic() - begun)
        return not row.broken

    def _tell(self, spec: Spec, row: Row, took_s: float) -> None:
        verdict = "FAIL" if row.broken else "pass"
        figure = "; ".join(row.figures)
        _print_line([spec.name, row.injected, row.load, spec.invariant, figure, verdict, f"{took_s:.0f}"])
        for each in row.broken:
            print(f"    {spec.name} broken: {each}", flush=True)
        self.passed += not row.broken
        self.failed += bool(row.broken)


def _parts(spec: Spec) -> list[str]:
    return sorted(spec.parts)


def _print_line(cells: Sequence[str]) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


def main() -> int:
    given = _parser().parse_args()
    known = {spec.name: spec for spec in ROWS}
    wanted = [known[name] for name in given.only.upper().split(",")] if given.only else list(ROWS)
    seed = random.SystemRandom().getrandbits(32) if given.seed is None else given.seed
    folder = Path(tempfile.mkdtemp(prefix="framelane-faults-"))
    program = Program(SHORT if given.short else FULL, seed, folder)
    signal.signal(signal.SIGTERM, _interrupt)
    print(f"faults: seed {seed}, {'short' if given.short else 'full'} form", flush=True)
    try:
        asyncio.run(program.run(wanted))
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        program.failed += 1
    finally:
        kill_marked(program.mark)
        if given.keep or program.failed:
            print(f"logs and ledger: {folder}", flush=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"faults: {program.passed} passed, {program.failed} failed", flush=True)
    return 1 if program.failed else 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--short", action="store_true", help="small loads and short leases: about 3 minutes")
    parser.add_argument("--seed", type=int, help="of everything left to chance; default: a new one, printed")
    parser.add_argument("--only", help="rows, such as F1,F4")
    parser.add_argument("--keep", action="store_true", help="keep logs and ledger")
    return parser


if __name__ == "__main__":
    sys.exit(main())
