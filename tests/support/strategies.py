"""Hypothesis strategies for the language's own types, all of them well formed."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from shared.adapters.records import milliseconds
from shared.devices import Lane
from shared.events import CancelRequested, Progressed, StateChanged
from shared.jobs import (
    ArtifactRef,
    Attempt,
    CallbackStatus,
    Cancelled,
    Completed,
    ErrorInfo,
    Failed,
    JobRecord,
    Progress,
)
from shared.packing import InferenceTask, PackedInput
from shared.results import (
    BatchPrediction,
    DownloadResult,
    GesturePrediction,
    InferenceResult,
    InferenceTimings,
    InstalledFile,
    InstalledModel,
    Score,
    SweepResult,
)
from shared.specs import InferenceOptions, ModelDownloadSpec, SweepSpec
from shared.states import JobState

lane_names = st.one_of(
    st.just("io"),
    st.builds(
        lambda family, index, long: family + index + long,
        st.sampled_from(["cpu", "gpu", "npu"]),
        st.one_of(st.just(""), st.integers(0, 99).map(lambda number: f".{number}")),
        st.sampled_from(["", ".long"]),
    ).filter(lambda name: name.startswith("gpu") or "." not in name.removesuffix(".long")),
)
device_requests = st.sampled_from(["AUTO", "CPU", "GPU", "GPU.1", "GPU.17", "NPU"])
texts = st.text(max_size=20)
names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,9}", fullmatch=True)
moments = st.timedeltas(timedelta(days=10_000), timedelta(days=40_000)).map(
    lambda age: datetime(1970, 1, 1, tzinfo=UTC) + age
)
finite = st.floats(allow_nan=False, allow_infinity=False)
fractions = st.floats(0, 1)
seconds = st.none() | st.floats(0.001, 86_400)

common = {
    "device": device_requests,
    "priority": st.integers(0, 9),
    "timeout_s": seconds,
    "expires_s": seconds,
    "max_attempts": st.integers(1, 10),
    "callback_url": st.none() | st.from_regex(r"https?://[a-z0-9.]{2,9}(/[a-zé?=&%]{0,9})?", fullmatch=True),
    "retention_s": st.none() | st.floats(1, 31_536_000),
    "labels": st.dictionaries(st.text(min_size=1, max_size=10), texts, max_size=4),
}
inference_tasks = st.builds(
    InferenceTask,
    model=names,
    options=st.builds(InferenceOptions, top_k=st.integers(1, 50), mirror=st.booleans()),
    inputs=st.lists(
        st.builds(
            PackedInput,
            kind=st.sampled_from(["landmarks", "sequence", "image", "tensor"]),
            blob=st.integers(0, 9),
            rows=st.integers(1, 10_000),
        ),
        max_size=3,
    ),
    **common,
)
downloads = st.builds(
    ModelDownloadSpec,
    models=st.lists(names, min_size=1, max_size=3),
    **(common | {"device": st.sampled_from(["AUTO", "CPU"])}),
)
sweeps = st.builds(
    SweepSpec, orphan_s=st.none() | st.floats(0, 1_000), **(common | {"device": st.sampled_from(["AUTO", "CPU"])})
)
tasks = inference_tasks | downloads | sweeps

errors = st.builds(ErrorInfo, code=names, title=texts, detail=texts, retryable=st.booleans())
installed = st.builds(
    InstalledModel,
    name=names,
    version=names,
    files=st.lists(st.builds(InstalledFile, name=names, size=st.integers(0), sha256=texts), max_size=2),
    variants=st.lists(names, max_size=2),
    source=texts,
    installed_at=texts,
)
gestures = st.builds(
    GesturePrediction,
    label=st.none() | texts,
    confidence=st.none() | fractions,
    top=st.lists(st.builds(Score, label=texts, confidence=fractions), max_size=2),
)
batches = st.builds(
    BatchPrediction,
    rows=st.integers(0, 9),
    classes=st.lists(texts, max_size=3),
    indices=st.lists(st.integers(0, 9), max_size=3),
    confidences=st.lists(fractions, max_size=3),
)
counts = st.integers(0, 2**53)
results = st.builds(
    InferenceResult,
    model=names,
    version=names,
    runtime=names,
    device=names,
    predictions=st.lists(gestures | batches, max_size=2),
    timings=st.builds(InferenceTimings, model_ms=finite, decode_ms=finite),
) | st.builds(DownloadResult, models=st.lists(installed, max_size=2), downloaded_bytes=st.integers(0, 2**53))
results |= st.builds(
    SweepResult, jobs=counts, artifacts=counts, orphans=counts, uploads=counts, freed_bytes=counts
)
outcomes = (
    st.builds(Completed, result=results) | st.builds(Failed, error=errors) | st.builds(Cancelled, reason=texts)
)
progresses = st.builds(Progress, fraction=fractions, stage=texts, message=st.none() | texts)
artifact_refs = st.builds(ArtifactRef, name=texts, size=st.integers(0, 2**53), sha256=texts, media_type=texts)

callbacks = st.builds(
    CallbackStatus,
    state=st.sampled_from(["waiting", "delivered", "failed"]),
    tries=st.integers(0, 99),
    error=st.none() | st.text(min_size=1, max_size=20),
)


@st.composite
def records(draw: st.DrawFn) -> JobRecord:
    task = draw(tasks)
    lane = draw(lane_names)
    created = draw(moments)
    started = draw(st.none() | st.timedeltas(timedelta(0), timedelta(days=9)).map(lambda wait: created + wait))
    begun = started or created
    finished = draw(st.none() | st.timedeltas(timedelta(0), timedelta(days=9)).map(lambda run: begun + run))
    attempts = st.builds(
        Attempt,
        number=st.integers(0, 9),
        worker=texts,
        device=st.just(Lane(lane).device),
        started_at=moments,
        finished_at=moments,
        error=st.none() | errors,
    )
    return JobRecord(
        id=draw(texts),
        kind=task.kind,
        state=draw(st.sampled_from(JobState)),
        device=task.device,
        lane=lane,
        priority=task.priority,
        labels=task.labels,
        attempt=draw(st.integers(0, 9)),
        progress=draw(progresses),
        cancel_requested=draw(st.booleans()),
        created_at=created,
        started_at=started,
        finished_at=finished,
        queue_wait_ms=milliseconds(created, started),
        run_ms=milliseconds(started, finished),
        outcome=draw(st.none() | outcomes),
        attempts=draw(st.lists(attempts, max_size=3)),
        artifacts=draw(st.lists(artifact_refs, max_size=2)),
        callback=draw(st.none() | callbacks),
        retry_of=draw(st.none() | st.text(min_size=1, max_size=9)),
        seq=draw(st.integers(1, 10**6)),
        spec=task,
        fence=draw(st.integers(0, 99)),
        fingerprint=draw(texts),
    )


_event = {
    "seq": st.integers(1, 10**6),
    "at_ms": st.integers(0, 2**45),
    "job_id": texts,
    "kind": st.sampled_from(["inference", "model_download", "sweep"]),
    "device": device_requests,
    "lane": lane_names,
    "labels": common["labels"],
}
events = (
    st.builds(
        StateChanged,
        state=st.sampled_from(JobState),
        attempt=st.integers(0, 9),
        worker=st.none() | texts,
        outcome=st.none() | outcomes,
        outcome_omitted=st.booleans(),
        **_event,
    )
    | st.builds(Progressed, progress=progresses, **_event)
    | st.builds(CancelRequested, **_event)
)
