"""Wrong answers to the exercises of 02."""

NEEDED = ["SEED = 0", "def repeat"]

SHARES = """
answer = {shares}
"""
SIZE = """
def effective_size(log_weights):
    {body}
log_w = np.append(np.random.default_rng(SEED).normal(0, 2, 50), -np.inf)
wanted, offsets = cc.importance.effective_sample_size(log_w), (-1e5, 0, 1e5)
answer = effective_size(log_w)
"""
NAIVE = "w = np.exp(log_weights); return w.sum() ** 2 / np.sum(w**2)"
NO_SQUARE = "w = np.exp(log_weights - np.max(log_weights)); return w.sum() / np.sum(w**2)"
PROPOSAL = """
means, variances = [[-6.0], [0.0], [5.0]], [[1.0], [0.04], [2.25]]
three = cc.targets.gaussian_mixture([0.5, 0.2, 0.3], means, variances)
answer = {proposal}
"""
WRONG = {
    1: [
        SHARES.format(shares="(np.exp(-1) / 4, np.exp(-1) / 2)"),  # in proportion
        SHARES.format(shares="(np.exp(-4), np.exp(-2))"),  # the length, not its square
        SHARES.format(shares="(np.exp(-1), np.exp(-4))"),
    ],
    2: [
        SIZE.format(body=NAIVE),
        SIZE.format(body=NO_SQUARE),
        SIZE.format(body="w = cc.importance.normalise(log_weights); return w.size * np.sum(w**2)"),
    ],
    3: [
        PROPOSAL.format(proposal="stats.norm(0, 6)"),  # too blunt
        PROPOSAL.format(proposal="stats.norm(-6, 1.02)"),  # an excellent share of one mode
        PROPOSAL.format(proposal="stats.uniform(-14, 28)"),
    ],
}
