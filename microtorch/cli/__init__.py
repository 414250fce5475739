"""The command line: `python -m microtorch`, or `microtorch`."""
