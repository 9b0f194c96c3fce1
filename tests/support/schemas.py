"""Every operation of a running gateway, asked as its own description says and otherwise; what is wrong with answers."""

from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx2
import hypothesis
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from shared.adapters.redis_jobs import RedisAttemptStore
from shared.adapters.redis_registry import RedisWorkerBeacon
from shared.jobs import Completed, ErrorInfo, Failed
from shared.msgpacked import packed
from shared.results import InstalledModel
from shared.settings import Settings
from tests.support.access import ADMIN_KEY
from tests.support.gateway import LETTER, SPEC, result_of, worker
from tests.support.gateway_process import gateway_process

NAMES = ("asl", "vgt", "lstm", "hand_landmarker", "pose_landmarker", "person-ssdlite", "pose_landmarks")
ENDLESS = "/api/v1/metrics/stream"
"""An answer that never ends."""
_NOT_ASKED = [positive_data_acceptance, negative_data_rejection]
"""What is well formed may break a rule that a description can't say: limits are settings. And a query has no types:
what isn't null is a text there."""
_FOLLOWED = ("/events", "/metadata/stream")
_LANES = ("cpu", "io", "cpu.long")
_PATIENCE_S = 60.0
_SETTINGS = {
    "FRAMELANE_AUTH__MODE": "keys",
    "FRAMELANE_AUTH__ADMIN_KEY": ADMIN_KEY,
    # Whoever waits, waits for workers that only seem to be there.
    "FRAMELANE_LIMITS__WAIT_S": "1",
    "FRAMELANE_JOBS__PREDICT_WAIT_S": "0.02",
    "FRAMELANE_UPLOADS__KEPT": "100000",
}


@schemathesis.serializer("application/offset+octet-stream")
def _bytes(_context: schemathesis.SerializationContext, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.serializer("application/msgpack")
def _msgpack(_context: schemathesis.SerializationContext, value: Any) -> bytes:
    return packed(value)


@dataclass
class Found:
    """How many answers there were of each status, and what was wrong, each fault once."""

    operations: int = 0
    statuses: Counter[int] = field(default_factory=Counter[int])
    faults: dict[str, str] = field(default_factory=dict[str, str])


class House:
    """A gateway that asks who calls, lanes whose workers never come to work, and something of each kind."""

    def __init__(self, settings: Settings, url: str) -> None:
        self.url = url
        self._attempts = RedisAttemptStore(settings)
        self.http = httpx2.Client(
            base_url=url, headers={"Authorization": f"Bearer {ADMIN_KEY}"}, timeout=_PATIENCE_S, trust_env=False
        )

    def document(self) -> dict[str, Any]:
        """Its description, without what it says of any status: all that comes must be named."""
        document = self.http.get("/openapi.json").json()
        for item in document["paths"].values():
            for operation in item.values():
                operation["responses"].pop("default", None)
        return document

    def known(self, path: str, *wanted: str) -> Mapping[str, list[str]]:
        """Fresh things that are there, by the names of the path's parameters for their ids."""
        makers = {
            # Who follows a job that waits hears nothing for ever.
            "job_id": lambda: self._jobs()[path.endswith(_FOLLOWED) :],
            "pipeline_id": lambda: [self._shipped["id"], self._pipeline()["id"]],
            "variant_id": lambda: [each["id"] for each in self._shipped["variants"]],
            "upload_id": lambda: [self._upload()],
            "key_id": lambda: [self._post("/api/v1/keys", json={"name": "x", "role": "viewer"})["key"]["id"]],
            "model": lambda: list(NAMES),
            "name": lambda: [*NAMES, "carphone"],
        }
        return {name: makers[name]() for name in wanted if name in makers}

    def close(self) -> None:
        self.http.close()
        self._attempts.close()

    @cached_property
    def _shipped(self) -> dict[str, Any]:
        return self.http.get("/api/v1/pipelines").json()["pipelines"][0]

    @cached_property
    def _text(self) -> str:
        return self.http.get(f"/api/v1/pipelines/{self._shipped['id']}/export").text

    def _pipeline(self) -> dict[str, Any]:
        media_type = {"Content-Type": "application/yaml"}
        return self._post("/api/v1/pipelines/import", content=self._text, headers=media_type)

    def _upload(self) -> str:
        headers = {"Upload-Length": "9", "Tus-Resumable": "1.0.0"}
        return self._post("/api/v1/uploads", headers=headers)["id"]

    def _jobs(self) -> list[str]:
        """One that waits, one that was done, one that failed."""
        made = [self._post("/api/v1/jobs", json=SPEC)["id"] for _ in range(3)]
        error = ErrorInfo(code="input-unreadable", title="It can't be", detail="no picture in it")
        for job, outcome in zip(made[1:], (Completed(result=result_of(LETTER)), Failed(error=error)), strict=True):
            claim = self._attempts.claim(job, "cpu-1", _PATIENCE_S)
            assert claim
            self._attempts.settle(claim, outcome, ())
        return made

    def _post(self, path: str, **sent: Any) -> dict[str, Any]:
        answer = self.http.post(path, **sent)
        assert answer.status_code in {201, 202}, answer.text
        return answer.json()


@contextmanager
def house(settings: Settings, folder: Path) -> Generator[House]:
    """One that serves."""
    beacon = RedisWorkerBeacon(settings)
    for lane in _LANES:
        beacon.announce(worker(lane), 3_600)
    for name in NAMES:
        record = {"name": name, "version": "0" * 16, "files": [], "variants": [], "source": "test"}
        beacon.install(InstalledModel.model_validate({**record, "installed_at": "2026-01-01T00:00:00Z"}))
    beacon.close()
    with gateway_process(settings, folder, environment=_SETTINGS) as serving:
        made = House(settings, serving.url)
        try:
            yield made
        finally:
            made.close()


def run(
    served: House, examples: int, wanted: Callable[[str], bool] = lambda _label: True, *, short: bool = False
) -> Found:
    """So many requests of each operation as it is described, and so many otherwise. Alike each time.

    ``short``: otherwise only of those that take a body.
    """
    found = Found()
    schema = schemathesis.openapi.from_dict(served.document())
    schema.config.update(base_url=served.url)
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {ADMIN_KEY}"
        for each in schema.get_all_operations():
            operation = each.ok()
            if not wanted(operation.label):
                continue
            found.operations += 1
            if operation.path == ENDLESS:
                _hear(served, found)
            else:
                known = served.known(operation.path, *(each.name for each in operation.path_parameters))
                _ask(operation, GenerationMode.POSITIVE, examples, known, session, found)
                if operation.body or not short:
                    _ask(operation, GenerationMode.NEGATIVE, examples, known, session, found)
    return found


def _hear(served: House, found: Found) -> None:
    with served.http.stream("GET", ENDLESS) as answer:
        found.statuses[answer.status_code] += 1
        first = next(answer.iter_lines())
    if (answer.headers["content-type"], first) != ("text/event-stream; charset=utf-8", "event: metrics"):
        found.faults[f"GET {ENDLESS}: no events called metrics"] = f"{answer.status_code} {answer.headers} {first}"


def _ask(
    operation: APIOperation,
    mode: GenerationMode,
    examples: int,
    known: Mapping[str, list[str]],
    session: requests.Session,
    found: Found,
) -> None:
    @hypothesis.seed(1)
    @hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    def ask(case: Case, data: st.DataObject) -> None:
        _name_what_is_there(case, data, known)
        response = case.call(session=session, allow_redirects=False, timeout=_PATIENCE_S)
        found.statuses[response.status_code] += 1
        try:
            case.validate_response(response, excluded_checks=_NOT_ASKED)
        except FailureGroup as failures:
            for failure in failures.exceptions:
                what = f"{operation.label}: {getattr(failure, 'title', type(failure).__name__)} {response.status_code}"
                found.faults.setdefault(what, f"{failure}\n{case.as_curl_command()[:1000]}\n{response.text[:500]}")

    try:
        ask()
    except Unsatisfiable:
        # Where there is nothing that could be otherwise.
        if mode is GenerationMode.POSITIVE:
            found.faults[f"{operation.label}: no request can be made of its description"] = ""


def _name_what_is_there(case: Case, data: st.DataObject, known: Mapping[str, list[str]]) -> None:
    for name in case.path_parameters or {}:
        if name in known and data.draw(st.integers(0, 3)):
            case.path_parameters[name] = data.draw(st.sampled_from(known[name]))
