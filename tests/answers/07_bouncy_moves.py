"""Wrong answers to the exercises of 07."""

NEEDED = ["SEED = 0", "def felt_energy"]

PREDICTED = """
def predicted_zones():
    return {zones}
"""

MULTIPLIER = """
def backward_multiplier(energy, theta, partition, zeta, temperature):
    cell = partition.index(energy)
    if {edge} or energy > partition.high:
        return 1.0
    slope = (np.log(theta[{here}]) - np.log(theta[{behind}])) / {width}
    return 1 + {factor} * slope
"""


def multiplier(**changes):
    right = {
        "edge": "cell == 0",
        "here": "cell",
        "behind": "cell - 1",
        "width": "partition.width",
        "factor": "zeta * temperature",
    }
    return MULTIPLIER.format(**{**right, **changes})


SETTINGS = """
def my_settings():
    return {settings}
"""

WRONG = {
    1: [
        # The sign of the slope taken for that of the multiplier.
        PREDICTED.format(zones='["bouncy", "bouncy", "damped", "absorbing"]'),
        PREDICTED.format(zones='["absorbing", "damped", "damped", "bouncy"]'),
        PREDICTED.format(zones='["bouncy", "damped", "damped"]'),
        PREDICTED.format(zones='["bouncy", "damped", "none", "absorbing"]'),
    ],
    2: [
        # A forward difference.
        multiplier(edge="cell == partition.bins - 1", here="cell + 1", behind="cell"),
        multiplier(width="1"),
        multiplier(factor="zeta"),
        multiplier(factor="temperature"),
        multiplier(factor="-zeta * temperature"),
        multiplier(edge="False"),
    ],
    3: [
        SETTINGS.format(settings="{}"),
        SETTINGS.format(settings='{"zeta": 0.0}'),
        SETTINGS.format(settings='{"scheme": cc.ContourScheme()}'),
        # Many bouncy moves, but slopes without limits.
        SETTINGS.format(
            settings='{**experiments.E2_BAOAB, "zeta": 1.0, "scheme": cc.ContourScheme(clip=None)}'
        ),
        SETTINGS.format(settings='{"partition": cc.EnergyPartition(-7.7, 17.4, 1000)}'),
        SETTINGS.format(
            settings='{"partition": cc.EnergyPartition(-7.7, 17.4, 250), "chains": 40}'
        ),
    ],
}
