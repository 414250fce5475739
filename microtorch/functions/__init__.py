"""PyTorch's functions and signatures: they check and translate arguments, then call one entry of the table."""
