"""The workshop: Celery workers, each pinned to one device, that run the jobs."""
