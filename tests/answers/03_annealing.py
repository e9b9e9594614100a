"""Wrong answers to the exercises of 03."""

NEEDED = ["SEED = 0", "def log_z(", "def anneal("]

STILL = """
answer = {ratio}
still = [variances(levels=n, moves_per_level=0)[0] for n in (1, 100)]
"""
PATH = """
def log_z_path(energies, betas, area):
    log_weights = {log_weights}
    return np.concatenate([[np.log(area)], {estimate}])
rng, bent = np.random.default_rng(SEED), np.linspace(0, 1, 21) ** 2
chances = [importance.normalise(-beta * grid_energies) for beta in bent[:-1]]
energies = np.array([rng.choice(grid_energies, 4000, p=chance) for chance in chances])
answer, truth = log_z_path(energies, bent, 25.0), [log_z(beta) for beta in bent]
"""
RIGHT = "np.log(area) - np.cumsum(np.diff(betas)[:, None] * energies, axis=0)"
LOG_MEAN = "logsumexp(log_weights, axis=1) - np.log(4000)"
WRONG = {
    1: [STILL.format(ratio=ratio) for ratio in (0.01, 0.1, 100)],
    2: [
        PATH.format(log_weights=RIGHT, estimate="log_weights.mean(axis=1)"),
        PATH.format(log_weights=RIGHT, estimate="logsumexp(log_weights, axis=1)"),
        PATH.format(log_weights=RIGHT.replace("np.log(area) ", ""), estimate=LOG_MEAN),
        PATH.format(
            log_weights=RIGHT.replace("np.cumsum", "np.array").replace(", axis=0", ""),
            estimate=LOG_MEAN,
        ),
        PATH.format(log_weights=RIGHT.replace("np.diff(betas)", "betas[1:]"), estimate=LOG_MEAN),
    ],
    3: [
        f"answer = {ladder}\n"
        for ladder in (
            "np.linspace(0, 1, 21)",
            "np.linspace(0, 1, 21) ** 0.5",
            "np.linspace(0, 1, 41)",
        )
    ],
}
