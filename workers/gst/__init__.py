"""Pipelines run by GStreamer: each in a process of its own, so that its end is never ours."""
