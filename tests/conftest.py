"""Hypothesis profiles: `ci` is the default; `pytest --hypothesis-profile=dev` looks further."""

import pytest
from hypothesis import settings

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
