"""Hypothesis profiles: `ci` is the default; `pytest --hypothesis-profile=dev` looks further."""

from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None, database=None)
settings.register_profile("dev", deadline=None, max_examples=1000)
settings.load_profile("ci")
