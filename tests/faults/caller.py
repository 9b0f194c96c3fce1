"""A well-behaved client: every submit has a key and is repeated until it is answered. It writes down what it sees."""

import asyncio
import base64
import hashlib
import json
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import httpx2

from tests.faults.ledger import Ledger, Pen

_TENSOR = {"shape": [1, 63], "data": base64.b64encode(bytes(252)).decode()}
_TERMINAL = ("COMPLETED", "FAILED", "CANCELLED")
_JOBS = "/api/v1/jobs"


class Caller:
    """For one row. ``urls``: gateways that should answer now; the next one is tried when one doesn't."""

    def __init__(self, row: str, urls: Callable[[], list[str]], pen: Pen, ledger: Ledger, seed: int) -> None:
        self.row = row
        self._urls = urls
        self._pen = pen
        self._ledger = ledger
        self._chance = random.Random(seed)
        self._asked = 0
        self._seen: dict[str, tuple[str, int]] = {}
        self._found: dict[str, dict[str, Any]] = {}
        self._http = httpx2.AsyncClient(
            # Connections are given up before the gateway does so, which might be while a request is on its way.
            timeout=30,
            limits=httpx2.Limits(max_connections=200, max_keepalive_connections=200, keepalive_expiry=2.0),
            trust_env=False,
        )

    async def close(self) -> None:
        await self._http.aclose()

    def spec(self, labels: dict[str, Any], **fields: Any) -> dict[str, Any]:
        named = {"row": self.row, **{name: str(value) for name, value in labels.items()}}
        common = {"kind": "inference", "model": "probe", "inputs": [{"tensor": _TENSOR}], "device": "CPU"}
        return {**common, "labels": named, **fields}

    async def submit(self, *, key: str = "", patience_s: float = 90, tell: bool = True, **given: Any) -> str:
        """The id of the accepted job. ``given``: labels, and in ``fields`` other fields of the spec.

        Raises TimeoutError when nobody took it in time, Refused when it was refused for good.
        """
        fields = given.pop("fields", {})
        key = key or uuid.UUID(int=self._chance.getrandbits(128)).hex
        deadline = time.monotonic() + patience_s
        while True:
            answer = await self.ask("POST", _JOBS, json=self.spec(given, **fields), key=key)
            if answer is not None and answer.status_code in {200, 202}:
                job = answer.json()["id"]
                if tell:
                    self._pen.note("accepted", row=self.row, key=key, job=job, status=answer.status_code)
                return job
            if answer is not None and answer.status_code not in {502, 503, 504}:
                raise Refused(answer)
            if time.monotonic() > deadline:
                raise TimeoutError(f"nobody took {key} within {patience_s:.0f} s")
            await asyncio.sleep(self._pause(answer))

    def _pause(self, answer: httpx2.Response | None) -> float:
        said = answer.headers.get("retry-after", "") if answer is not None else ""
        return (min(float(said), 2.0) if said.isdigit() else 0.5) * (0.5 + self._chance.random() / 2)

    async def ask(
        self, method: str, path: str, *, key: str = "", url: str = "", **more: Any
    ) -> httpx2.Response | None:
        """One request; None if there was no answer. Written down if it has a key."""
        urls = [url] if url else self._urls()
        self._asked += 1
        headers = {**more.pop("headers", {}), **({"Idempotency-Key": key} if key else {})}
        begun = time.monotonic()
        try:
            answer = await self._http.request(
                method, urls[self._asked % len(urls)] + path, headers=headers, **more
            )
        except httpx2.TransportError as error:
            self._answered(key, begun, 0, type(error).__name__)
            return None
        self._answered(key, begun, answer.status_code, answer.headers.get("retry-after"))
        return answer

    def _answered(self, key: str, begun: float, status: int, said: str | None) -> None:
        if key:
            ms = (time.monotonic() - begun) * 1000
            self._pen.note("answer", row=self.row, key=key, status=status, ms=ms, said=said)

    async def cancel(self, job: str) -> int:
        """The status of the answer; what it says about an end is written down. Repeated until there is one."""
        while True:
            answer = await self.ask("POST", f"{_JOBS}/{job}/cancel", json={"reason": "changed my mind"})
            if answer is not None and answer.status_code != 503:
                break
            await asyncio.sleep(self._pause(answer))
        if answer.status_code == 200:
            self.saw(answer.json())
        return answer.status_code

    async def end_of(self, job: str, within_s: float) -> dict[str, Any]:
        """The job once it has ended, learnt by waiting for it. Raises TimeoutError."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            answer = await self.ask("GET", f"{_JOBS}/{job}?wait={int(min(20, within_s) + 1)}")
            if answer is not None and answer.status_code == 200 and self.saw(found := answer.json()):
                return found
            if answer is None or answer.status_code != 200:
                await asyncio.sleep(0.2)
        raise TimeoutError(f"job {job} didn't end within {within_s:.0f} s")

    async def look(self) -> dict[str, dict[str, Any]]:
        """All jobs of the row as they are now; ends are written down (again, if they are others than before)."""
        found: dict[str, dict[str, Any]] = {}
        cursor: str | None = None
        while True:
            query = {"label": f"row:{self.row}", "limit": 200, **({"cursor": cursor} if cursor else {})}
            answer = await self.ask("GET", _JOBS, params=query)
            if answer is None or answer.status_code != 200:
                await asyncio.sleep(0.3)
                continue
            page = answer.json()
            for job in page["jobs"]:
                found[job["id"]] = job
                self.saw(job)
            cursor = page["next_cursor"]
            if not cursor:
                self._found = found
                return found

    def last_seen(self, job: str) -> str:
        """What the last look said of it, for people."""
        if not (found := self._found.get(job)):
            return f"{job} (nobody knows it)"
        return f"{job} ({found['state']}, attempt {found['attempt']}, fence {found.get('fence')})"

    async def drain(self, within_s: float, jobs: Collection[str] | None = None) -> bool:
        """Whether all accepted jobs (or these) were seen to end in time."""
        deadline = time.monotonic() + within_s
        while True:
            begun = time.monotonic()
            await self.look()
            wanted = self._ledger.tally(self.row).accepted if jobs is None else set(jobs)
            if wanted <= self._seen.keys():
                return True
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(max(0.25, 2 * (time.monotonic() - begun)))

    def saw(self, job: dict[str, Any]) -> bool:
        """Whether this is an end."""
        if job["state"] not in _TERMINAL:
            if job["seq"] > self._seen.get(job["id"], ("", job["seq"]))[1]:
                # An end that wasn't one: as bad as two different ones.
                del self._seen[job["id"]]
                self._pen.note(
                    "ended",
                    row=self.row,
                    job=job["id"],
                    state=job["state"],
                    code=None,
                    fence=None,
                    digest="reopened",
                )
            return False
        outcome = job["outcome"] or {}
        text = json.dumps([job["state"], outcome, job["artifacts"]], sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        if self._seen.get(job["id"], ("", 0))[0] != digest:
            self._seen[job["id"]] = digest, job["seq"]
            version = (outcome.get("result") or {}).get("version")
            self._pen.note(
                "ended",
                row=self.row,
                job=job["id"],
                state=job["state"],
                code=(outcome.get("error") or {}).get("code"),
                fence=int(version) if version else None,
                digest=digest,
            )
        return True

    async def many(
        self, count: int, make: Callable[[int], Awaitable[Any]], *, per_s: float = 0, at_once: int = 50
    ) -> list[Any]:
        """``make(0)`` … ``make(count - 1)``, so many at once, at most ``per_s`` begun a second (0: any number)."""
        slots = asyncio.Semaphore(at_once)
        begun = time.monotonic()

        async def one(number: int) -> Any:
            if per_s:
                await asyncio.sleep(max(0.0, begun + number / per_s - time.monotonic()))
            async with slots:
                return await make(number)

        return await asyncio.gather(*(one(number) for number in range(count)))


class Refused(Exception):
    """The gateway said no, not later."""

    def __init__(self, answer: httpx2.Response) -> None:
        self.status = answer.status_code
        super().__init__(f"{answer.status_code}: {answer.text[:300]}")
