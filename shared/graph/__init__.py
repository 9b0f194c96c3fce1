"""The graph of a media pipeline: its text and back, its rules, its simple view, and what a worker changes in it.

Pure: a graph goes in, a graph or a list of what is wrong comes out. Nothing here needs GStreamer.
"""
