"""Wrong answers to the exercises of 15."""

NEEDED = ["SEED = 0"]

CLAIM = """


sources.claim(
    sources.race, "CSGLD weighs modes better", "me", "difference of mode-mass errors", at_least=0
)(better_masses)
"""

WRONG = {
    1: [
        "verdicts = 'holds', 'holds'",
        "verdicts = 'does not hold here', 'holds'",
        "verdicts = 'undecided here', 'undecided here'",
    ],
    2: [
        "def better_masses(found):\n    return -found['cycSGLD']['masses']" + CLAIM,
        "def better_masses(found):\n    return found['cycSGLD']['masses'].mean()" + CLAIM,
    ],
    3: ["changed = {}", "changed = {'step_size': 1e-4}", "changed = {'steps': 2_000_000}"],
}
