"""Wrong answers to the exercises of 08."""

NEEDED = ["SEED = 0", "settings = {**experiments.E1_CONTOUR"]

RESAMPLE = """
def resample(weights, n, rng):
    expected, k = n * weights, len(weights)
    {lines}
uneven = np.array([0.001, 0.01, 0.039, 0.05, 0.1, 0.15, 0.25, 0.4])
rng = np.random.default_rng(SEED)
answer = [resample(uneven, 10, rng) for _ in range(4000)]
"""
WRONG = {
    1: ["guess = 1000", "guess = 500", "guess = 2000 / 3"],
    2: [
        RESAMPLE.format(lines=lines)
        for lines in (
            # The published one.
            "return np.repeat(np.arange(k), np.where(expected > 1, np.floor(expected), 0)"
            ".astype(int))",
            "return np.repeat(np.arange(k), np.round(expected).astype(int))",
            "return np.repeat(np.arange(k), np.ceil(expected).astype(int))[:n]",
            "return rng.integers(k, size=n)",
            # Evenly spaced points without a random offset.
            "return np.searchsorted(np.cumsum(weights), (0.5 + np.arange(n)) / n)",
        )
    ],
    3: [
        "answer = {}",
        "answer = {'zeta': 0.25}",
        "answer = {'zeta': 1.0}",
        "answer = {'chains': 8}",
    ],
}
