"""What a training takes of the memory, before anything is made."""

import os
import warnings
from contextlib import suppress

import numpy as np

from ffnp.config import Config
from ffnp.errors import InputError, InputWarning
from ffnp.model import DataDescription, least_weights

WORTH_A_NOTE = 1e9  # bytes
# numbers a weight: itself, its gradient and two moments; and all but the gradient three times,
# while the state is copied, packed and written
EACH = 4 + 3 * 3


def estimate(config: Config, data: DataDescription) -> int:
    """Bytes of the large arrays: the weights', while the state is stored, and those of a batch."""
    rows = config.rows(data.classes) if config.labelled else 1
    # an image's pixels, and for each row every layer's activities and delta
    image = data.pixels + 2 * rows * sum(config.hidden)
    numbers = EACH * least_weights(config, data) + config.batch_size * image
    return numbers * np.dtype(config.dtype).itemsize


def check_memory(config: Config, data: DataDescription) -> None:
    """Say if a training takes much memory.

    An `InputWarning` from a gigabyte on; `InputError` if it is more than this machine has.
    """
    needed = estimate(config, data)
    if needed < WORTH_A_NOTE:
        return
    text = f"the training takes {needed / 1e9:,.1f} GB"
    mend = "fewer or narrower layers (--hidden), images a batch (--batch-size) or labels (--labels)"
    if needed > (there := memory()):
        raise InputError(f"{text}, and this machine has {there / 1e9:,.1f} GB: choose {mend}")
    warnings.warn(f"{text} ({mend} take less)", InputWarning, stacklevel=3)


def memory() -> float:
    """Bytes of memory that the machine has; infinite where the system does not tell."""
    with suppress(AttributeError, ValueError, OSError):  # Windows has no sysconf
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return float("inf")
