"""How alike two pictures are: structural similarity (Wang et al. 2004) of each colour channel."""

import numpy as np
from PIL import Image

WINDOW = 8


def similarity(shown: Image.Image, reference: Image.Image) -> float:
    """Return the mean structural similarity of two pictures, 1 for equal ones.

    The reference is brought to the size of what is shown.
    """
    if reference.size != shown.size:
        reference = reference.resize(shown.size, Image.Resampling.LANCZOS)
    first = np.asarray(shown.convert("RGB"), dtype=np.float64)
    second = np.asarray(reference.convert("RGB"), dtype=np.float64)
    mean_1, mean_2 = _means(first), _means(second)
    variance_1 = _means(first * first) - mean_1**2
    variance_2 = _means(second * second) - mean_2**2
    covariance = _means(first * second) - mean_1 * mean_2
    steady_1, steady_2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    alike = (2 * mean_1 * mean_2 + steady_1) * (2 * covariance + steady_2)
    apart = (mean_1**2 + mean_2**2 + steady_1) * (variance_1 + variance_2 + steady_2)
    return float(np.mean(alike / apart))


def _means(values):
    """Return the mean of each square window, by differences of running sums."""
    sums = np.pad(values, ((1, 0), (1, 0), (0, 0))).cumsum(axis=0).cumsum(axis=1)
    edge = min(WINDOW, *values.shape[:2])
    windows = sums[edge:, edge:] - sums[:-edge, edge:] - sums[edge:, :-edge] + sums[:-edge, :-edge]
    return windows / edge**2
