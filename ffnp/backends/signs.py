"""What is looked for in a training that may have failed."""

from enum import IntFlag


class Signs(IntFlag):
    """What `Backend.examine` found; kernels.cu has the same names."""

    TOTAL_NOT_FINITE = 1
    WEIGHT_NOT_FINITE = 2
    GOODNESS = 4  # some row's total over the layers is not 0
    LABEL = 8  # some row's total is not its image's first
    GRADIENT = 16  # some gradient is not 0
