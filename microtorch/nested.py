"""`torch.nested`: there are no nested tensors; `torch.nn.utils.rnn.pad_sequence` makes padded ones."""

from __future__ import annotations

from microtorch._missing import missing_names as _missing_names
from microtorch.unsupported import absent as _absent

_WHY = "there are no nested tensors; torch.nn.utils.rnn.pad_sequence makes padded ones"

nested_tensor, as_nested_tensor, to_padded_tensor, nested_tensor_from_jagged, narrow, masked_select = (
    _absent(__name__, name, _WHY)
    for name in ("nested_tensor", "as_nested_tensor", "to_padded_tensor", "nested_tensor_from_jagged", "narrow",
                 "masked_select")
)  # fmt: skip


__getattr__ = _missing_names(__name__)
