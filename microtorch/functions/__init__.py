"""PyTorch's functions, with PyTorch's signatures: they check and translate arguments, then call one entry of the
table."""
