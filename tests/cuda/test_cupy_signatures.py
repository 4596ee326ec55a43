"""The stand-in takes nothing that CuPy does not, by CuPy's own parameter lists."""

import inspect
import json

import cupy_signatures
import pytest
import strict_cupy


@pytest.mark.cuda_check
def test_the_record_is_of_the_installed_cupy(real_cupy):
    assert cupy_signatures.record(real_cupy) == json.loads(cupy_signatures.RECORD.read_text())


@pytest.mark.parametrize("name", cupy_signatures.NAMES)
def test_the_stand_in_takes_a_part_of_the_parameters(name):
    known = json.loads(cupy_signatures.RECORD.read_text())[name]
    taken = inspect.signature(cupy_signatures.find(strict_cupy, name)).parameters.values()
    if "*args" in known:  # a ufunc: operands by position
        taken = [p for p in taken if p.kind is not inspect.Parameter.POSITIONAL_ONLY]
    names = {p.name for p in taken if p.kind is not inspect.Parameter.VAR_POSITIONAL}
    assert names - {"self"} <= set(known)


@pytest.mark.cuda_check
def test_attributes_of_arrays_exist(real_cupy):
    attributes = [
        name for name, kind in vars(strict_cupy.ndarray).items() if type(kind) is property
    ]
    assert "T" in attributes
    assert [name for name in attributes if not hasattr(real_cupy.ndarray, name)] == []
