"""Wrong answers to the exercises of 10."""

NEEDED = ["SEED = 100"]

WRONG = {
    1: [],
    2: [
        """
def my_target():
    return experiments.E2_PUBLISHED["target"], experiments.E2_PUBLISHED["partition"]
answer = my_target()
"""
    ],
    3: [],
}
