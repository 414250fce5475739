"""Several threads: modes are each thread's own, graphs and leaves are shared."""

import threading

import numpy as np

import microtorch as torch


def run(*works):
    errors = []

    def guarded(work):
        try:
            work()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(w,)) for w in works]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors, errors


def test_grad_modes_are_thread_local():
    x = torch.ones(2, requires_grad=True)
    seen = []

    def work():
        seen.append(torch.is_grad_enabled())
        with torch.no_grad():
            seen.append((x * 2).requires_grad)

    with torch.no_grad():
        run(work)
        assert not torch.is_grad_enabled()
    assert seen == [True, False]


def test_inference_mode_marks_only_its_own_threads_tensors():
    inside, checked = threading.Event(), threading.Event()
    made = []

    def inferring():
        with torch.inference_mode():
            inside.set()
            checked.wait(10)
            made.append(torch.ones(1))

    def training():
        inside.wait(10)
        made.append(torch.ones(1))
        checked.set()

    run(inferring, training)
    assert [t.is_inference() for t in made] == [False, True]


def test_backward_of_one_graph_from_several_threads():
    x = torch.linspace(-1, 1, 1000, requires_grad=True)
    y = (x.exp() * x).tanh().sum()
    (want,) = torch.autograd.grad(y, x, retain_graph=True)
    found = []
    run(*[lambda: found.append(torch.autograd.grad(y, x, retain_graph=True)[0])] * 8)
    for g in found:
        np.testing.assert_array_equal(g.numpy(), want.numpy())


def test_backward_of_several_graphs_with_shared_leaves():
    """As in PyTorch, no gradient is guarded against the others, but none may fail, and gradients stay gradients."""
    w = torch.ones(100, requires_grad=True)

    def work():
        for _ in range(50):
            (w * 2).sum().backward()

    run(*[work] * 4)
    assert w.grad.shape == (100,) and (w.grad % 2 == 0).all() and w.grad.max() <= 400


def test_hogwild():
    """Threads that train one shared model without locks (Niu et al., 2011)."""
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 1)
    x = torch.randn(64, 4)
    y = x @ torch.tensor([[1.0], [2.0], [3.0], [4.0]])

    def work():
        for _ in range(200):
            loss = ((model(x) - y) ** 2).mean()
            grads = torch.autograd.grad(loss, list(model.parameters()))
            with torch.no_grad():
                for p, g in zip(model.parameters(), grads):
                    p -= 0.02 * g

    run(*[work] * 3)
    assert ((model(x) - y) ** 2).mean() < 0.01


def test_vmap_and_grad_in_several_threads():
    x = torch.randn(5, 3)
    per_example = torch.vmap(torch.func.grad(lambda a: (a**3).sum()))

    def work():
        for _ in range(20):
            np.testing.assert_allclose(per_example(x).numpy(), 3 * x.numpy() ** 2, rtol=1e-5)

    run(*[work] * 4)
