"""What a worker changes in a pipeline before it runs: sources, models' devices, codecs, outputs, streams.

Each takes a graph that passed the policy and gives a new one, its ids counted anew. Their order matters: sources,
devices, decoders, looping, then per stream outputs and names.
"""
