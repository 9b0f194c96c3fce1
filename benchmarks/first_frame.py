"""From a job's acceptance to the first frame at its main sink: one job at a time, through gateway and worker.

The first job of each pipeline isn't counted: it compiles the models, which are kept from then on.
"""

import statistics
import time
from collections.abc import Iterator

from benchmarks.stack import data_dir
from benchmarks.stats import machine, print_figures
from client.local import LocalStack
from client.sdk import Framelane
from client.sdk.records import MetadataRecord
from shared.jobs import Completed
from shared.pipelines import DescriptionSource, PipelineSource, VariantSource
from shared.results import PipelineResult
from shared.specs import MediaDownloadSpec, ModelDownloadSpec, PipelineSpec
from shared.states import JobState

ROUNDS = 5
LANES = ("cpu.long", "io")
VIDEO, MODEL = "carphone", "person-ssdlite"
PIPELINES: dict[str, PipelineSource] = {
    "decoded only": DescriptionSource(
        source="description",
        pipeline_description=f"filesrc location={VIDEO} ! decodebin3 ! videoconvert ! fakesink",
    ),
    "people detected": VariantSource(pipeline_id="person-detection", variant_id="cpu"),
}


def first_frame_ms(client: Framelane, source: PipelineSource) -> float:
    """Of one job: what it waited, and what its worker took."""
    job = client.wait(client.submit(PipelineSpec(pipeline=source, inputs=[VIDEO])).id, 120)
    result = job.outcome.result if isinstance(job.outcome, Completed) else None
    if not isinstance(result, PipelineResult) or result.first_frame_ms is None or job.queue_wait_ms is None:
        raise SystemExit(f"no frame was seen: {job.outcome}")
    return job.queue_wait_ms + result.first_frame_ms


def first_record_ms(client: Framelane) -> float:
    """From the client's POST to the first detection it gets."""
    begun = time.perf_counter()
    source = PIPELINES["people detected"]
    job = client.submit(PipelineSpec(pipeline=source, inputs=[VIDEO], metadata_mode="file"))
    records = (each for each in client.records(job.id) if isinstance(each, MetadataRecord))
    if next(records, None) is None:
        raise SystemExit("nothing was detected")
    took = (time.perf_counter() - begun) * 1000
    client.wait(job.id, 120)
    return took


def rows(client: Framelane) -> Iterator[tuple[str, str, str]]:
    """What, figure, target."""
    for what, source in PIPELINES.items():
        first, *measured = [first_frame_ms(client, source) for _ in range(1 + ROUNDS)]
        figure = f"{statistics.median(measured):.0f} ms (first job {first:.0f} ms)"
        yield f"accepted to first frame, {what}", figure, "<= 1500 ms"
    took = statistics.median(first_record_ms(client) for _ in range(ROUNDS))
    yield "client's POST to first detection on its stream", f"{took:.0f} ms", ""


def main() -> None:
    """Print the table."""
    with data_dir() as folder, LocalStack(folder, lanes=LANES) as stack, Framelane(stack.url) as client:
        for spec in (MediaDownloadSpec(media=[VIDEO]), ModelDownloadSpec(models=[MODEL])):
            job = client.wait(client.submit(spec).id, 300)
            if job.state is not JobState.COMPLETED:
                raise SystemExit(f"what is needed can't be installed: {job.outcome}")
        table = list(rows(client))
    print_figures(f"A pipeline's first frame ({machine()}, medians of {ROUNDS})", table)


if __name__ == "__main__":
    main()
