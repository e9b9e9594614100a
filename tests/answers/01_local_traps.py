"""Wrong answers to the exercises of 01."""

NEEDED = ["SEED = 0", "def residence_time"]

SLOPE = """
def estimate_barrier(a, temperatures, seed):
    times = [residence_time(a, seed, temperature=t) for t in temperatures]
    return np.polyfit({x}, np.log(times), 1)[0]
estimated = estimate_barrier(2.6, [0.6, 0.7, 0.8, 0.9, 1.0], SEED)
"""
WRONG = {
    1: [],
    2: [SLOPE.format(x="temperatures"), SLOPE.format(x="np.log(temperatures)")],
    3: [],
}
