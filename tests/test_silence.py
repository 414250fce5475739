"""NumPy's warnings of overflow never reach a program, whatever filters it sets; its own NumPy warns as it was set."""

import asyncio
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

import microtorch

CODE = """
x = torch.tensor([3e38, -3e38, 1e-38, 0.0, float("inf")], requires_grad=True)
y = torch.tensor(3e38)
z = [x + x, x * 1e300, x.exp(), x / 0, x @ x, x.sum(), x.cumsum(0), y + y, y * 3e38, x.half(), x.double() * 1e300]
z += [torch.fft.fft(x), torch.fft.rfft(x), torch.linalg.det(x[:4].reshape(2, 2)), torch.nn.functional.silu(x), x.std()]
z += [torch.tensor(1e300), torch.arange(0, 1e38, 3e37) * 10, torch.tensor([0.0]).log(), torch.tensor(0.0) / 0, x.int()]
torch.ones(2).fill_(1e300).mul_(2.0).add_(3e38).div_(0)
(x * x * x).sum().backward()
torch.tensor([6e4]).half() * 100
"""


def work():
    exec(CODE, {"torch": microtorch})


@pytest.mark.parametrize("action", ["error", "always", "default"])
def test_filters_of_a_program(action):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter(action)
        work()
        assert not caught
        with warnings.catch_warnings(record=True) as inner:
            warnings.resetwarnings()
            warnings.filterwarnings(action, category=RuntimeWarning)
            work()
            assert not inner


def test_the_programs_own_numpy():
    """Its overflow warns, also between two calls; its np.errstate stays as it is."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        work()
        np.float32(3e38) * np.ones(1, np.float32) * 3
        work()
    assert [w.category for w in caught] == [RuntimeWarning]
    with np.errstate(over="raise", divide="print"):
        before = np.geterr()
        microtorch.log(microtorch.zeros(2))
        assert np.geterr() == before
        with pytest.raises(FloatingPointError):
            np.ones(1, np.float32) * 3e38 * 3e38


def test_threads_and_asyncio():
    failures = []

    def run():
        try:
            work()
        except Exception as error:
            failures.append(error)

    async def several():
        async def one():
            for _ in range(3):
                work()
                await asyncio.sleep(0)

        await asyncio.gather(one(), one())

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        threads = [threading.Thread(target=run) for _ in range(3)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        asyncio.run(several())
    assert not failures


@pytest.mark.parametrize("option", ["error", "always"])
def test_from_the_command_line(option):
    code = "import warnings\nimport microtorch as torch\nwarnings.simplefilter('always')\n" + CODE + "\nprint('done')"
    made = subprocess.run([sys.executable, "-W", option, "-c", code], capture_output=True, text=True)
    assert (made.stdout, made.stderr) == ("done\n", "")


def test_the_filters_of_others_keep_their_order():
    with warnings.catch_warnings():
        warnings.resetwarnings()
        warnings.filterwarnings("error", category=UserWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        assert [f[2] for f in warnings.filters] == [RuntimeWarning, DeprecationWarning, UserWarning]
        with pytest.raises(UserWarning):
            warnings.warn("of a program", UserWarning, stacklevel=1)
