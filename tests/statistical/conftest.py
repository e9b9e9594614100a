"""What statistical tests share: fixed seeds, means with standard errors, runs in threads."""

import numpy as np
import pytest

# Used for no tuning and in no notebook.
SEEDS = range(5000, 5020)


class Mean:
    """A mean over independent values with its standard error."""

    def __init__(self, values):
        values = np.asarray(values, dtype=float)
        self.value = values.mean()
        self.error = values.std(ddof=1) / np.sqrt(values.size)

    def is_near(self, truth, errors=4.0, bias=0.0):
        """Within `errors` standard errors of the truth, give or take a stated bias."""
        return abs(self.value - truth) <= errors * self.error + bias

    def __repr__(self):
        return f"{self.value:.5f} ± {self.error:.5f}"


@pytest.fixture
def mean():
    return Mean


@pytest.fixture
def seeds():
    return SEEDS
