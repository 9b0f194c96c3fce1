"""The parts as whoever calls may see them."""

from dataclasses import replace

from api.parts import Parts
from api.services.own_jobs import OwnJobs
from api.services.own_things import OwnBenchmarks, OwnDirectory, OwnPipelines, OwnUploads


def owned(parts: Parts) -> Parts:
    """The same, for one caller after the other: each sees what is its own, and nothing of other tenants."""
    return replace(
        parts,
        store=OwnJobs(parts.store),
        pipelines=OwnPipelines(parts.pipelines),
        uploads=OwnUploads(parts.uploads),
        benchmarks=OwnBenchmarks(parts.benchmarks),
        directory=OwnDirectory(parts.directory),
    )
