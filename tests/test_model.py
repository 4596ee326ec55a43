"""A model is a value: it is pickled, copied, and predicts from several threads at once."""

import pickle
import subprocess
import sys
import threading
import time
from copy import copy, deepcopy

import numpy as np
import pytest
from small_training import make_trainer, same_bits, small_dataset

import ffnp.model
from ffnp import Config, analyse, evaluate, load, predict, train
from ffnp.backends.arena import Arena
from ffnp.backends.selection import make_backend, unavailable
from ffnp.errors import InputError
from ffnp.model import DataDescription, Model
from ffnp.scoring.evaluation import scores
from ffnp.training.trainer import Trainer

DATA = small_dataset(train=60, test=40)
SMALL = Config(hidden=(6, 5), epochs=1, batch_size=20, backend="numpy")


@pytest.fixture(scope="module")
def result():
    return train(SMALL, dataset=DATA)


COPIES = {
    "copy": copy,
    "deepcopy": deepcopy,
    **{
        f"pickle {protocol}": lambda value, protocol=protocol: pickle.loads(
            pickle.dumps(value, protocol)
        )
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
}


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_copy_predicts_the_same_and_is_another(result, copied):
    model = result.model
    other = copied(model)
    assert (other.config, other.data) == (model.config, model.data)
    assert other.data.appearance == model.data.appearance
    assert other.backend.name == model.backend.name and other.backend is not model.backend
    assert same_bits(model, other)
    for mine, its in zip(*(scores(m, DATA.test.images) for m in (model, other)), strict=True):
        np.testing.assert_array_equal(mine, its)
    other.weights()["layer1.bias"][0] += 1
    assert not same_bits(model, other)


def test_a_copy_trains_on(result):
    a, b = deepcopy(result.model), deepcopy(result.model)
    for model in (a, b):
        list(Trainer(model, DATA.train).run())
    assert same_bits(a, b) and not same_bits(a, result.model)


def test_a_result_and_its_data_are_values_too(result):
    for value in (result, DATA, DATA.train):
        again = pickle.loads(pickle.dumps(value))
        assert type(again) is type(value)
    assert pickle.loads(pickle.dumps(result)).test.to_dict() == result.test.to_dict()
    assert evaluate(result.model, pickle.loads(pickle.dumps(DATA)).test).all == result.test.all


def test_a_pickle_is_little_more_than_the_weights():
    model = train(Config(limit_train=200, limit_test=10, epochs=1, hidden=(300,))).model
    assert len(pickle.dumps(model)) < sum(w.nbytes for w in model.weights().values()) + 10_000


def test_another_process_has_the_model(result, tmp_path):
    (tmp_path / "model.pickle").write_bytes(pickle.dumps((result.model, DATA.test.images)))
    code = (
        "import pickle, sys, ffnp\n"
        "model, images = pickle.load(open(sys.argv[1], 'rb'))\n"
        "print(*ffnp.predict(model, images))"
    )
    command = [sys.executable, "-c", code, tmp_path / "model.pickle"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.split() == [str(label) for label in predict(result.model, DATA.test.images)]


def test_where_its_backend_is_not_there_it_is_on_another(result, monkeypatch):
    content = pickle.dumps(result.model)
    monkeypatch.setattr(ffnp.model, "unavailable", lambda name, device: f"no {name}")
    monkeypatch.setattr(ffnp.model, "make_backend", lambda name, device: made.append(name) or base)
    made, base = [], make_backend("reference")
    assert pickle.loads(content).backend is base
    assert made == ["auto"]


def test_an_objective_of_ones_own_is_left_out_as_in_a_stored_run():
    def own(goodness, gamma):
        return 0.0, goodness * 0

    model = pickle.loads(pickle.dumps(train(SMALL, objective=own, dataset=DATA).model))
    assert predict(model, DATA.test.images).shape == (40,)
    with pytest.raises(InputError, match="ffnp.train.config, objective=...."):
        next(Trainer(model, DATA.train).run())


# --- from several threads ---------------------------------------------------------------------


def side_by_side(calls):
    """What functions give that are called at once, each in a thread of its own."""
    found, together = [None] * len(calls), threading.Barrier(len(calls))

    def work(i):
        together.wait()
        try:
            found[i] = calls[i]()
        except BaseException as error:
            found[i] = error

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


class Slow(np.ndarray):
    """Lets other threads go on before it is cut."""

    def __getitem__(self, key):
        time.sleep(0.01)
        return super().__getitem__(key)


def test_arrays_made_in_several_threads_are_apart():
    arena, size = Arena(), 4096
    arena._chunk = np.empty(8 * size, np.uint8).view(Slow)
    found = side_by_side([lambda: arena.empty((size,), np.uint8).ctypes.data] * 4)
    assert np.diff(np.sort(found)).min() >= size


@pytest.fixture(params=["numpy", "numba", "reference"])
def large(request):
    """A model of MNIST, its weights as drawn: what it says is of no matter."""
    if unavailable(request.param):
        pytest.skip(f"{request.param} is not here")
    mnist, config = load("mnist"), Config(hidden=(200, 150))
    return Model.create(config, DataDescription.of(mnist, config), make_backend(request.param))


def test_one_model_predicts_in_four_threads(large):
    images = load("mnist").test.images[: 4 * 450]
    parts = np.split(images, 4)
    expected = [np.concatenate(list(scores(large, part)), axis=1) for part in parts]
    for _ in range(3):
        calls = [lambda part=part: np.concatenate(list(scores(large, part)), 1) for part in parts]
        for found, alone in zip(side_by_side(calls), expected, strict=True):
            np.testing.assert_array_equal(found, alone)


def test_one_model_is_evaluated_and_analysed_while_it_predicts(large):
    test = load("mnist").test.first(300)
    calls = [
        lambda: evaluate(large, test).all,
        lambda: analyse(large, test, 200).to_dict(),
        lambda: predict(large, test.images).tolist(),
    ]
    assert side_by_side(calls) == [call() for call in calls]


def test_a_model_predicts_while_another_trains():
    """On the reference backend: BLAS has one number of threads for all, and rounds by it."""
    trainer = make_trainer(SMALL, DATA)
    model, images = deepcopy(trainer.model), np.repeat(DATA.test.images, 20, axis=0)
    expected = predict(model, images)
    alone = make_trainer(SMALL, DATA)
    list(alone.run())
    found = side_by_side([lambda: predict(model, images), lambda: len(list(trainer.run()))])
    np.testing.assert_array_equal(found[0], expected)
    assert same_bits(trainer.model, alone.model)
