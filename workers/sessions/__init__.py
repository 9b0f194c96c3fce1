"""Frames of live sessions: one at a time of each, by the handler that does inference jobs."""
