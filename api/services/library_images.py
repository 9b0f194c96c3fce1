"""Images of the library as inputs of inference jobs. Pure."""

from collections.abc import Iterator, Mapping

from shared.errors import InvalidSpec, MediumNotInstalled
from shared.inputs import MAX_INPUTS
from shared.packing import InferenceTask
from shared.results import InstalledMedium


def images_of(task: InferenceTask) -> set[str]:
    """Names of the media it looks at."""
    return {item.media for item in task.inputs if item.media}


def require_images(task: InferenceTask, library: Mapping[str, InstalledMedium]) -> None:
    """Raises MediumNotInstalled for what isn't there, InvalidSpec for videos and for too many images."""
    if missing := sorted(images_of(task) - library.keys()):
        msg = f"not in the library: {', '.join(missing)}; GET /api/v1/images lists what is"
        raise MediumNotInstalled(msg)
    wrong = [
        (
            f"/inputs/{number}/media",
            f"{name} is a video: pipelines look at those; give a photo or an image set",
        )
        for number, name in _named(task)
        if library[name].kind == "video"
    ]
    if wrong:
        raise InvalidSpec(*wrong)
    count = sum(library[item.media].frames if item.media else item.rows for item in task.inputs)
    if count > MAX_INPUTS:
        raise InvalidSpec(("/inputs", f"a job has at most {MAX_INPUTS:,} rows and images in all, not {count:,}"))


def _named(task: InferenceTask) -> Iterator[tuple[int, str]]:
    """Media with the numbers of the client's inputs."""
    number = 0
    for item in task.inputs:
        if item.media:
            yield number, item.media
        number += item.rows if item.kind == "landmarks" else 1
