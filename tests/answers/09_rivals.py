"""Wrong answers to the exercises of 09."""

NEEDED = ["SEED = 0", "def expected_share"]

PREDICTION = "factor = {}"
RULE = """
def swap_probability(u_low, u_high, tau_low, tau_high):
    delta = 1 / tau_low - 1 / tau_high
    return {}
chance = swap_probability(u[:, None], u, 1.0, 3.0)
"""
SETTINGS = "better = ({}, {})"

WRONG = {
    1: [PREDICTION.format(factor) for factor in (2.0, 1.0, 0.25)],
    2: [
        RULE.format("np.minimum(1, np.exp(-delta * (u_low - u_high)))"),
        RULE.format("np.minimum(1, np.exp(delta * (u_high - u_low)))"),
        RULE.format("0.1 * np.exp(delta * (u_low - u_high))"),
        RULE.format("np.minimum(1, 0.1 * np.exp(delta * (u_low - u_high)))"),
        RULE.format("np.minimum(1, np.exp((u_low - u_high) / tau_low))"),
        RULE.format("0.0 * (u_low - u_high)"),
    ],
    3: [SETTINGS.format(3.0, 0.1), SETTINGS.format(1.2, 1.0), SETTINGS.format(3.0, 0.01)],
}
