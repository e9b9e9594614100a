"""Wrong answers to the exercises of 05."""

NEEDED = ["import numpy as np", "x = np.linspace(-14", "def flattened"]

# The multiplier of exercise 2 with another slope in each cell.
SLOPE = """
def backward_multiplier(u, theta, partition, zeta, temperature):
    log_theta, cell, width = np.log(theta), partition.index(u), partition.width
    return 1 + zeta * temperature * {slope}
wide = cc.EnergyPartition(1, 21, 8)
energies = np.linspace(1.01, 20.99, 777)
answer = backward_multiplier(energies, cc.exact.energy_pdf(target, wide, 2.0), wide, 0.6, 2.0)
"""
WRONG = {
    1: ["guess = 0.0", "guess = 0.6 * barriers(energy)[1]", "guess = barriers(energy)[1]"],
    2: [
        SLOPE.format(slope=slope)
        for slope in (
            "np.zeros(len(u))",  # of the step function
            "(log_theta[cell] - log_theta[cell - 1]) / width",  # cell 0 less the last one
            "np.diff(log_theta, append=log_theta[-1])[cell] / width",  # forward
            "np.diff(theta, prepend=theta[0])[cell] / width",  # no logarithm
            "np.diff(log_theta, prepend=log_theta[0])[cell]",  # no width
            "-np.diff(log_theta, prepend=log_theta[0])[cell] / width",
        )
    ],
    3: [
        f"answer = cc.EnergyPartition({low}, {high}, {bins}), {zeta}"
        for low, high, bins, zeta in (
            (1, 51, 12, 0.75),
            (1, 51, 50, 0.85),
            (1, 16, 12, 0.5),
            (1, 8, 12, 0.9),
            (1, 16, 12, 1.2),
        )
    ],
}
