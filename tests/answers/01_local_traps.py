"""Wrong answers to the exercises of 01."""

NEEDED = [
    "SEED = 0",
    "target = cc.targets.two_modes()",
    "settings = {**cc.experiments",
    "def residence_time",
]

SLOPE = """
def estimate_barrier(a, temperatures, seed):
    times = [residence_time(a, seed, temperature=t) for t in temperatures]
    return np.polyfit({x}, np.log(times), 1)[0]
estimated = estimate_barrier(2.6, [0.6, 0.7, 0.8, 0.9, 1.0], SEED)
"""
WRONG = {
    1: ["guess = 2", "guess = 4", "guess = np.exp(12 / 4)**2"],
    2: [SLOPE.format(x="temperatures"), SLOPE.format(x="np.log(temperatures)")],
    3: [
        "answer = 1.0, lambda energy: 0 * energy",  # it never crosses
        "answer = 4.0, lambda energy: 0 * energy",  # no weights
        "answer = 4.0, lambda energy: energy * (1 - 1 / 4)",  # upside down
        "answer = 4.0, lambda energy: -energy",  # as if draws came from nowhere
        "answer = 12.0, lambda energy: -energy",  # where that does little harm
    ],
}
