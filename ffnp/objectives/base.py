"""The seam between layers and objectives."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


class Objective(Protocol):
    """What a layer minimises, as a pure function of its rows' goodness.

    Notes
    -----
    Two attributes that need not be there tell what saves work:

    - `by_image = True`: J is a mean of what each image's own rows give. A batch is then evaluated
      in parts, side by side.
    - `of_sum = True`: J depends on goodness + gamma alone. With gamma `others` that sum is the same
      for every layer, and one evaluation serves all; gamma is then 0.
    """

    def __call__(self, goodness: Array, gamma: Array | float) -> tuple[float, Array]:
        """Evaluate the objective and its derivative.

        Parameters
        ----------
        goodness : (N, R) array
            g, of N images joined with R labels each; the true label in column 0.
        gamma : (N, R) array, or 0 (see Notes)
            The other layers' goodness of the same rows: a constant.

        Returns
        -------
        value : float
            J, a mean over the N images.
        coefficient : (N, R) array
            c = dJ/dg, in the dtype of `goodness`.
        """
        ...
