"""Fourier transforms, short-time ones, windows: each line evaluated by both libraries; and the transforms by NumPy alone."""

from __future__ import annotations

import numpy as np
import pytest

import microtorch
from microtorch.kernels import fft as K
from tests.differential import difference, torch
from tests.test_linalg import cells

REFUSED = """
torch.stft(torch.ones(10),4) | torch.stft(torch.ones(10,dtype=torch.int64),4,return_complex=True)
torch.stft(torch.ones(2,2,10),4,return_complex=True) | torch.stft(torch.ones(10),40,return_complex=True)
torch.stft(torch.ones(10),40,return_complex=True,center=False) | torch.stft(torch.ones(10),4,hop_length=0,return_complex=True)
torch.stft(torch.ones(10),4,win_length=5,return_complex=True,window=torch.ones(5))
torch.stft(torch.ones(10),4,window=torch.ones(5),return_complex=True,center=False)
torch.stft(torch.ones(10,dtype=torch.complex64),4,onesided=True)
torch.stft(torch.arange(20.),8,2,win_length=4,align_to_window=True,return_complex=True)
torch.istft(torch.ones(3,4),4) | torch.istft(torch.ones(0,4,dtype=torch.complex64),4) | torch.istft(torch.ones(4)+0j,4)
torch.istft(torch.ones(2,3,4,1)+0j,4) | torch.istft(torch.ones(2,4)+0j,4,onesided=False)
torch.istft(torch.ones(4,4)+0j,4,onesided=True) | torch.istft(torch.ones(3,4)+0j,4,hop_length=8)
torch.istft(torch.ones(3,4)+0j,4,win_length=8) | torch.istft(torch.ones(3,4)+0j,4,window=torch.ones(3))
torch.istft(torch.ones(3,4)+0j,4,return_complex=True) | torch.istft(torch.ones(3,4)+0j,4,window=torch.ones(4)+0j)
torch.istft(torch.ones(3,4)+0j,4,window=torch.zeros(4)) | torch.hann_window(-1) | torch.hann_window(3,dtype=torch.complex64)
torch.hann_window(4.0) | torch.signal.windows.hann(3,dtype=torch.float16) | torch.signal.windows.hann(-3)
torch.signal.windows.gaussian(8,std=0) | torch.signal.windows.exponential(8,center=1) | torch.signal.windows.exponential(8,tau=0)
torch.signal.windows.general_cosine(8,a=[]) | torch.signal.windows.general_cosine(8,a=3) | torch.signal.windows.kaiser(8,beta=-1)
torch.fft.fftfreq(0) | torch.fft.rfftfreq(0) | torch.fft.fftfreq(-1) | torch.fft.ihfftn(torch.ones(2,3)+0j) | torch.fft.ihfft2(torch.ones(2,3)+0j)
torch.fft.fft(torch.ones(3),n=0) | torch.fft.fft(torch.ones(3),dim=2) | torch.fft.fft(torch.ones(3),norm='x')
torch.fft.rfft(torch.ones(3)+0j) | torch.fft.fft2(torch.ones(3)) | torch.fft.fftn(torch.ones(3,3),dim=(0,0))
torch.fft.fftn(torch.ones(3,3),s=(2,),dim=(0,1)) | torch.fft.irfft(torch.ones(1)) | torch.fft.fft2(torch.ones(()))
torch.fft.rfftn(torch.ones(())) | torch.fft.fft(torch.ones(()))
"""

VALUES = """
torch.stft(torch.arange(20.),8,2,win_length=4,center=False,align_to_window=True,return_complex=True)
torch.stft(torch.randn(2,20),8,3,win_length=5,window=torch.hann_window(5),normalized=True,return_complex=True)
torch.stft(torch.randn(2,20),8,3,window=torch.hann_window(8),pad_mode='constant',onesided=False,return_complex=True)
torch.stft(torch.randn(2,20),8,3,window=torch.hann_window(8),pad_mode='replicate',return_complex=True)
torch.stft(torch.randn(2,20),8,3,window=torch.hann_window(8),pad_mode='circular',return_complex=False)
torch.stft(torch.randn(20),7,3,window=torch.hann_window(7),return_complex=True) | torch.randn(2,20).stft(8,return_complex=True)
torch.stft(torch.randn(20),7,3,window=torch.hann_window(7)+0j) | torch.istft(torch.ones(3,4)+0j,4)
torch.istft(torch.ones(3,4)+0j,4,length=30) | torch.istft(torch.ones(3,4)+0j,4,length=3)
torch.istft(torch.stft(torch.arange(20.),8,window=torch.hann_window(8),return_complex=True),8,window=torch.hann_window(8),length=20)
torch.stft(torch.arange(20.),8,window=torch.hann_window(8),return_complex=True,onesided=False).istft(8,window=torch.hann_window(8),return_complex=True)
torch.hann_window(0) | torch.hann_window(1) | torch.hann_window(2) | torch.hamming_window(5,True,0.5) | torch.hamming_window(15,False,0.5,0.3)
torch.kaiser_window(5) | torch.kaiser_window(15,False,3.) | torch.kaiser_window(0) | torch.kaiser_window(1) | torch.bartlett_window(8)
torch.bartlett_window(5,False,dtype=torch.float16) | torch.bartlett_window(7) | torch.hann_window(7,dtype=torch.float16)
torch.blackman_window(5,dtype=torch.float64) | torch.blackman_window(50) | torch.blackman_window(51,False) | torch.hamming_window(400)
torch.hann_window(4,True,requires_grad=True) | torch.signal.windows.gaussian(8,requires_grad=True) | torch.signal.windows.nuttall(8)
torch.signal.windows.kaiser(8,sym=False) | torch.signal.windows.kaiser(8,beta=5) | torch.signal.windows.cosine(1,sym=False)
torch.signal.windows.blackman(9,sym=False,dtype=torch.float64) | torch.fft.fftfreq(4) | torch.fft.rfftfreq(4,2.)
torch.fft.fft(torch.tensor([1.,2,3])) | torch.fft.fft(torch.tensor([1.,2,3,5])+0j) | torch.fft.ifft(torch.arange(8)) | torch.fft.fftn(torch.ones(()))
torch.fft.fft2(torch.randn(100,100).double()) | torch.fft.rfft2(torch.randn(2,100,100).double()) | torch.fft.ihfftn(torch.randn(3,4,5)) | torch.fft.hfftn(torch.randn(3,4,5)+0j)
"""


@pytest.mark.parametrize("code", cells(REFUSED))
def test_refused(code):
    found = difference(code, strides=False)
    assert found is None, found


@pytest.mark.parametrize("code", cells(VALUES))
def test_values(code):
    found = difference(code, strides=False, exact=False)
    assert found is None, found


@pytest.mark.parametrize("scipy", [False, True])
@pytest.mark.parametrize("n", [1, 5, 8, 100, 128])
def test_both_libraries(n, scipy, monkeypatch):
    """NumPy alone and SciPy give torch's numbers, with every factor, in both precisions."""
    library = pytest.importorskip("scipy.fft") if scipy else np.fft
    monkeypatch.setattr(K, "_library", lambda x: library)
    rng = np.random.default_rng(0)
    for kind, atol in ((np.float32, 2e-5), (np.float64, 1e-12)):
        x = rng.standard_normal((3, n)).astype(kind)
        z = x + 1j * x[::-1]
        for norm in ("backward", "forward", "ortho"):
            for name, a in (("fft", x), ("fft", z), ("ifft", z), ("rfft", x), ("irfft", z), ("fft2", z), ("rfft2", x), ("ifft2", z)):  # fmt: skip
                if name == "irfft" and n == 1:
                    continue
                theirs = getattr(torch.fft, name)(torch.from_numpy(a), norm=norm).numpy()
                ours = getattr(microtorch.fft, name)(microtorch.from_numpy(a.copy()), norm=norm).numpy()
                assert ours.dtype == theirs.dtype, (name, kind)
                np.testing.assert_allclose(ours, theirs, 1e-5, atol * n, err_msg=f"{name} {norm}")


def test_whole_numbers_stay_whole():
    """A transform without a factor multiplies by none, not by 1 / n and n."""
    for n in (3, 4, 5, 7, 8):
        total = microtorch.fft.fft(microtorch.ones(n) + 0j)[0]
        assert total.real.item() == n and total.imag.item() == 0


def test_stft_gradients():
    x = microtorch.randn(2, 30, dtype=microtorch.float64, requires_grad=True)
    window = microtorch.hann_window(8, dtype=microtorch.float64)

    def there_and_back(x):
        return microtorch.istft(microtorch.stft(x, 8, window=window, return_complex=True) * 2, 8, window=window)

    assert microtorch.autograd.gradcheck(there_and_back, (x,))
    assert microtorch.autograd.gradgradcheck(there_and_back, (x,))


@pytest.mark.parametrize("shape, call", [
    ((5,), "ifft(x)"), ((6,), "ifft(x)"), ((6,), "fft(x)"), ((1,), "ifft(x)"), ((2, 3), "ifft2(x)"), ((2, 3, 4), "fftn(x)"),
    ((3, 4), "ifft(x, dim=0)"), ((3, 4, 5), "ifftn(x, dim=(2, 0))"), ((4, 3), "ifft(x.t(), n=5)"),
])  # fmt: skip
def test_signs_of_zeros_in_transforms_of_real_numbers(shape: tuple[int, ...], call: str) -> None:
    """What is 0 for its symmetry is exactly 0, and -0 the other way round."""
    code = f"x = torch.rand({shape})\ny = torch.fft.{call}\ny, (y.imag == 0) & y.imag.signbit(), (y.imag == 0)"
    assert (found := difference(code, exact=False)) is None, found
