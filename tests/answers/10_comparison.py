"""Wrong answers to the exercises of 10."""

NEEDED = ["SEED = 100", "masses, error =", "everyone = ", "def error_of_masses"]

WRONG = {
    1: ["guess = 1", "guess = 5", "guess = 1 / np.sqrt(5)"],
    2: [
        "answer = experiments.E2_PUBLISHED['target'], experiments.E2_PUBLISHED['partition']",
        """
one = cc.targets.gaussian_mixture([1.0], [[0.0, 0.0]], [np.eye(2)])
answer = one, cc.EnergyPartition(1.5, 25.0, 80)
""",
        """
twice = cc.targets.gaussian_mixture([0.5, 0.5], [[0.0, 0.0], [0.0, 0.0]], [np.eye(2)] * 2)
answer = twice, cc.EnergyPartition(1.5, 25.0, 80)
""",
    ],
    3: ["changes = {}", "changes = {'zeta': 1.0}", "changes = {'steps': 1_000_000}"],
}
