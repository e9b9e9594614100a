"""Wrong answers to the exercises of 00."""

NEEDED = ["SEED = 0", "cats = ", "posterior = ", "draws = ", "def spread"]

ENERGY = """
def energy(x, mean, sd):
    return {energy}
x = np.linspace(-3, 9, 13)
normal = cc.targets.gaussian_mixture([1.0], [[2.0]], [[[9.0]]])
answer = energy(x, 2.0, 3.0)
"""
WRONG = {
    1: ["answer = 100.0", "answer = 1.0", "answer = 2.0"],
    2: [
        ENERGY.format(energy="np.exp(-((x - mean) ** 2) / (2 * sd**2))"),  # the density
        ENERGY.format(energy="-((x - mean) ** 2) / (2 * sd**2)"),
        ENERGY.format(energy="(x - mean) ** 2 / sd**2"),
        ENERGY.format(energy="(x - mean) ** 2 / (2 * sd)"),
    ],
    3: [
        "answer = (20, 50)",  # a dog for both
        "answer = (5, 30)",  # doubtful for both
        "answer = (1e-9, 1e9)",
    ],
}
