"""The table of derivatives, a file per family. Importing this package registers every entry.

An entry is called with positional arguments and NumPy's names (axis, keepdims); PyTorch's signatures are in
`microtorch.functions` and `microtorch.nn.functional`.
"""
