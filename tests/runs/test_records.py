"""Records that come from files: sensible numbers, or refused."""

import pytest

from ffnp.runs.records import is_epoch, is_errors, is_seconds

ERRORS = {"all": 1.5, "layers": [2, 1.0], "groups": [2, 1.5]}
EPOCH = {
    "phase": 1, "epoch": 2, "losses": [0.5, -1], "pair_error": 3.0, "seconds": 0.1,
    "test_error": ERRORS,
    "analysis": {f"entropy_{rows}": {"total": 1} for rows in ("all", "true", "wrong")},
}  # fmt: skip
BAD_ERRORS = [
    {"all": True}, {"layers": [True, 1.0]}, {"groups": [2, False]}, {"layers": [2]},
    {"groups": [2, 1, 1]}, {"layers": [], "groups": []}, {"all": 101}, {"all": -1}, {"all": "1"},
]  # fmt: skip
BAD_EPOCHS = [
    {"phase": True}, {"epoch": True}, {"epoch": 1.0}, {"epoch": 0}, {"losses": [True, 1]},
    {"pair_error": False}, {"pair_error": 101}, {"seconds": True}, {"seconds": float("inf")},
    {"train_error": 3.0}, {"train_error": ERRORS | {"groups": []}}, {"losses": [float("nan")]},
    {"test_error": ERRORS | {"layers": [2]}},
    {"analysis": {"entropy_all": {"total": 1}}},
]  # fmt: skip


def test_what_is_recorded_is_a_record():
    assert is_epoch(EPOCH)
    assert is_epoch(EPOCH | {"train_error": ERRORS})
    old = {name: value for name, value in EPOCH.items() if name != "pair_error"}
    assert is_epoch(old | {"train_error": 3.0})  # so ffnp 0.1 called the pairs
    assert not is_epoch(old)
    assert is_errors(ERRORS)
    assert is_seconds(0)


@pytest.mark.parametrize("change", BAD_ERRORS, ids=str)
def test_what_are_no_errors_is_refused(change):
    assert not is_errors(ERRORS | change)


@pytest.mark.parametrize("change", BAD_EPOCHS, ids=str)
def test_what_is_no_epoch_is_refused(change):
    assert not is_epoch(EPOCH | change)


@pytest.mark.parametrize("value", [True, -1, float("nan"), "1", None])
def test_what_is_no_time_is_refused(value):
    assert not is_seconds(value)
