"""Autograd: the graph, the engine that runs it backwards, and the table of derivatives."""
