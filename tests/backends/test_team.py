"""The threads that work side by side."""

import gc
import os
import signal
import threading
import time

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from ffnp.backends.numpy_backend import NumpyBackend
from ffnp.backends.team import Team


@pytest.fixture
def team():
    with threadpool_limits(2, "blas"):
        yield Team()


def blas_threads():
    return {
        library.num_threads
        for library in ThreadpoolController().select(user_api="blas").lib_controllers
    }


def test_each_task_has_a_thread_of_its_own_at_the_same_time(team):
    meeting = threading.Barrier(2, timeout=10)
    found = []

    def task():
        meeting.wait()  # passes only if both run at once
        found.append((threading.current_thread(), team.at_work))

    for _ in range(3):
        team([task, task])
    threads = [thread for thread, _ in found]
    assert sorted(map(threads.count, set(threads))) == [3, 3]  # the same two
    assert all(at_work for _, at_work in found)
    assert not team.at_work


def test_blas_has_one_thread_in_a_task_and_its_own_number_after(team):
    before = blas_threads()
    found = []
    team([lambda: found.append(blas_threads()), lambda: None])
    assert found == [{1}]
    assert blas_threads() == before


def test_blas_has_one_thread_whoever_calls(team):
    """threadpoolctl obeys the first thread that sets a number, and none beside it."""
    found = []

    def call():
        team([lambda: found.append(blas_threads()), lambda: None])

    call()
    other = threading.Thread(target=call)
    other.start()
    other.join()
    call()
    assert found == 3 * [{1}]


def test_a_call_within_a_task_is_done_there(team):
    found = []

    def inner():
        found.append(threading.current_thread())

    def outer():
        team([inner, inner])

    team([outer, outer])
    assert sorted(map(found.count, set(found))) == [2, 2]


def test_callers_wait_for_each_other(team):
    inside, most = [], []

    def task():
        inside.append(None)
        time.sleep(0.005)
        most.append(len(inside))
        inside.pop()

    callers = [threading.Thread(target=team, args=([task, task],)) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(most) == 8 and max(most) <= 2


@pytest.mark.parametrize("place", [0, 1])
def test_an_error_is_raised_when_all_have_ended(team, place):
    ended = []

    def fail():
        raise KeyError("planted")

    def other():
        time.sleep(0.01)
        ended.append(True)

    tasks = [other]
    tasks.insert(place, fail)
    with pytest.raises(KeyError, match="planted"):
        team(tasks)
    assert ended == [True]
    team([other, other])  # it goes on
    assert len(ended) == 3


@pytest.mark.parametrize("place", [0, 1])
def test_blas_has_its_own_number_again_when_a_task_has_failed(team, place):
    def fail():
        raise KeyError("planted")

    tasks = [lambda: None]
    tasks.insert(place, fail)
    before = blas_threads()
    with threadpool_limits(2, "blas"):  # as when the team was made
        with pytest.raises(KeyError, match="planted"):
            team(tasks)
        assert blas_threads() == {2}
    assert blas_threads() == before


def test_errstate_holds_in_every_thread(team):
    def overflow():
        np.exp(np.full(3, 1e3))

    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        team([lambda: None, overflow])
    with np.errstate(over="ignore"):
        team([overflow, overflow])


def test_threads_end_with_their_team():
    team, threads = Team(), []
    team([lambda: None, lambda: threads.append(threading.current_thread())])
    del team
    gc.collect()
    threads[0].join(timeout=10)
    assert not threads[0].is_alive()


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
@pytest.mark.parametrize("sizes", [[(784, 20, 50)], [(784, 20, 50), (50, 40, 50), (50, 40, 50)]])
def test_every_row_of_every_product_is_computed_once(threads, sizes, monkeypatch):
    backend = NumpyBackend()
    backend._team.threads = threads  # also where BLAS has fewer
    random = np.random.default_rng(0)
    rows, taken = [], np.matmul

    def matmul(a, b, out):
        rows.append(len(a))
        taken(a, b, out=out)

    monkeypatch.setattr(np, "matmul", matmul)
    products = []
    for m, k, n in sizes:
        a, b = random.normal(size=(m, k)), random.normal(size=(k, n))
        products.append((a, b, np.full((m, n), np.nan)))
    backend.multiply(products)
    assert sum(rows) == sum(m for m, _, _ in sizes)
    assert len(rows) <= len(sizes) + threads - 1
    for a, b, out in products:
        np.testing.assert_allclose(out, a @ b, rtol=1e-12)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no setitimer: Windows")
def test_an_interrupted_call_waits_for_its_tasks(team):
    started, ended = threading.Event(), []

    def slow():
        started.set()
        time.sleep(0.2)
        ended.append(True)

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            team([lambda: started.wait() and signal.setitimer(signal.ITIMER_REAL, 0.05), slow])
        assert ended == [True]
        team([lambda: None, slow])
        assert ended == [True, True]  # not taken for done because the first one was
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork: Windows")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # with threads: what is tested
def test_a_forked_process_hires_its_own_threads(team):
    team([lambda: None] * 2)
    child = os.fork()
    if child == 0:
        signal.alarm(10)  # ends it, if it waits for threads it has not
        team([lambda: None] * 2)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    team([lambda: None] * 2)
