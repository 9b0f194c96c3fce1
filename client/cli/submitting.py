"""`framelane submit`: from a command line to a job, and its end."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from client.cli import specs
from client.cli.output import WrongUsage, err, out, print_json
from client.cli.render import ended
from client.cli.target import DEFAULT, AsJson, DataDir, Url, gateway
from client.cli.watching import download_all, exit_code, watch_bar
from client.sdk import Framelane
from shared.jobs import Job

What = Annotated[
    str,
    typer.Argument(
        help="`inference`, `download`, `media`, `pipeline`, or a spec: a file, - for stdin, or the JSON itself.",
        metavar="WHAT",
    ),
]
Names = Annotated[
    list[str] | None,
    typer.Argument(
        help="For `download` and `media`: names of the catalogue; for `pipeline`: its id.", metavar="[NAME]..."
    ),
]
Model = Annotated[str | None, typer.Option(help="For `inference`.")]
Images = Annotated[list[Path] | None, typer.Option(help="For `inference`: a photo; may be repeated.")]
Landmarks = Annotated[
    list[Path] | None, typer.Option(help="For `inference`: a JSON file of 21 points; may be repeated.")
]
Annotate = Annotated[bool, typer.Option("--annotate", help="For `inference`: keep a drawing of the result.")]
Mirror = Annotated[bool, typer.Option("--mirror", help="For `inference`: flip left and right first.")]
TopK = Annotated[int | None, typer.Option(help="For `inference`: how many labels or objects to answer.")]
MinConfidence = Annotated[
    float | None, typer.Option(help="For `inference`: labels, objects and texts below it are left out.")
]
Variant = Annotated[str | None, typer.Option(help="For `pipeline`: which of its variants.")]
Media = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        help="A medium of the library. For `inference`: a photo or image set to look at; for `pipeline`: what "
        "to read instead, one for each of its sources.",
    ),
]
Streams = Annotated[int | None, typer.Option(min=1, help="For `pipeline`: copies that run at once.")]
Output = Annotated[
    str | None, typer.Option(help="For `pipeline`: what becomes of its frames: disabled, file, live_stream.")
]
Metadata = Annotated[bool, typer.Option("--metadata", help="For `pipeline`: keep records of each frame.")]
LatencyToo = Annotated[bool, typer.Option("--latency", help="For `pipeline`: measure latencies.")]
Runtime = Annotated[
    float | None, typer.Option(help="For `pipeline`: repeat files until so many seconds are over.")
]
Force = Annotated[bool, typer.Option("--force", help="For `download`: fetch again what is installed.")]
Attached = Annotated[list[str] | None, typer.Option(help="For a spec: NAME=PATH of a file it names.")]
DeviceName = Annotated[str | None, typer.Option(help="AUTO, CPU, GPU, GPU.<number> or NPU.")]
Priority = Annotated[int | None, typer.Option(min=0, max=9, help="0 lowest, 9 highest.")]
Timeout = Annotated[float | None, typer.Option(help="Longest an attempt may run, in seconds.")]
Labels = Annotated[list[str] | None, typer.Option(help="NAME=VALUE; may be repeated.")]
Key = Annotated[str | None, typer.Option(help="The same key and spec again is the same job.")]
Wait = Annotated[bool, typer.Option("--wait", help="Stay until the job has ended.")]
Save = Annotated[
    Path | None, typer.Option(help="Wait, then download what the job left into this folder.", metavar="DIR")
]

_NAMED = ("download", "media", "pipeline")


def submit(
    what: What,
    names: Names = None,
    model: Model = None,
    image: Images = None,
    landmarks: Landmarks = None,
    annotate: Annotate = False,
    mirror: Mirror = False,
    top_k: TopK = None,
    min_confidence: MinConfidence = None,
    variant: Variant = None,
    medium: Media = None,
    streams: Streams = None,
    output: Output = None,
    metadata: Metadata = False,
    latency: LatencyToo = False,
    runtime: Runtime = None,
    force: Force = False,
    file: Attached = None,
    device: DeviceName = None,
    priority: Priority = None,
    timeout: Timeout = None,
    label: Labels = None,
    idempotency_key: Key = None,
    wait: Wait = False,
    save: Save = None,
    url: Url = None,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Submit a job: `inference --model asl --image hand.jpg`, `download asl vgt`, `media bikes`,
    `pipeline ID --variant cpu`, or a spec such as `job.json`.
    """  # noqa: D205  one sentence
    options = _given(annotate=annotate or None, mirror=mirror or None, top_k=top_k, min_confidence=min_confidence)
    fields = _given(
        streams=streams,
        output_mode=output,
        metadata_mode="file" if metadata else None,
        latency_metrics=latency or None,
        max_runtime_s=runtime,
    )
    asked = (
        specs.Inference(model, image or (), landmarks or (), () if what != "inference" else medium or (), options),
        specs.Pipeline(variant, () if what == "inference" else medium or (), fields),
    )
    common = specs.Common(device, priority, timeout, label or ())
    request = _request(what, names or [], asked, file or [], common, force=force)
    folder = specs.folder(save) if save else None
    with gateway(url, data_dir) as client:
        job = client.submit(request.spec, files=request.files or None, idempotency_key=idempotency_key)
        if wait or folder:
            job = client.wait(job.id) if as_json else watch_bar(client, job.id, err())
        saved = download_all(client, job, folder) if folder else {}
        _tell(client, job, saved, as_json=as_json, in_full=wait or folder is not None)
    raise typer.Exit(exit_code(job))


def show_end(client: Framelane, job: Job, saved: Mapping[str, Path]) -> None:
    """What there is to say of a job, with the files it left: where they were saved, else where they can be had."""
    out().print(ended(job, lambda name: saved.get(name) or client.artifact_url(job.id, name)), soft_wrap=True)


def _tell(client: Framelane, job: Job, saved: Mapping[str, Path], *, as_json: bool, in_full: bool) -> None:
    if as_json:
        print_json(job)
        for path in saved.values():
            err().print(str(path), markup=False, soft_wrap=True)
    elif in_full:
        show_end(client, job, saved)
    else:
        out().print(job.id)


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _request(
    what: str,
    names: list[str],
    asked: tuple[specs.Inference, specs.Pipeline],
    files: list[str],
    common: specs.Common,
    *,
    force: bool,
) -> specs.Request:
    inference, pipeline = asked
    if names and what not in _NAMED:
        msg = f"{' '.join(names)}: only `submit {'`, `submit '.join(_NAMED)}` take names after it"
        raise WrongUsage(msg)
    if inference.given and what != "inference":
        msg = (
            "--model, --image, --landmarks, --annotate, --mirror, --top-k and --min-confidence belong to "
            "`submit inference`"
        )
        raise WrongUsage(msg)
    if pipeline.given and what != "pipeline":
        msg = (
            "--variant, --input, --streams, --output, --metadata, --latency and --runtime belong to "
            "`submit pipeline`"
        )
        raise WrongUsage(msg)
    match what:
        case "inference":
            return specs.inference(inference, common)
        case "pipeline":
            return specs.pipeline(names, pipeline, common)
        case "download":
            return specs.download(names, common, force=force)
        case "media":
            return specs.media(names, common)
        case _:
            return specs.written(what, files, common)
