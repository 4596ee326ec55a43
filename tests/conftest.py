"""Hypothesis profiles: `ci` is the default; `pytest --hypothesis-profile=dev` looks further."""

import pytest
from hypothesis import settings
from threadpoolctl import ThreadpoolController

from ffnp.backends import parts

settings.register_profile("ci", derandomize=True, deadline=None, database=None)
settings.register_profile("dev", deadline=None, max_examples=1000)
settings.load_profile("ci")


@pytest.fixture(scope="session", autouse=True)
def cut_small_batches_too():
    """The tests' batches and products are small; let them be cut as large ones are."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SHARE", "SWEEP", "PRODUCT"):
            patch.setattr(parts, name, 1)
        yield


@pytest.fixture(autouse=True)
def blas_threads_stay():
    """A test leaves BLAS with as many threads as it found: later ones would compute otherwise."""
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    before = [library.num_threads for library in libraries]
    yield
    assert [library.num_threads for library in libraries] == before
