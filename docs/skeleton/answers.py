"""Wrong answers to the exercises of 12."""

NEEDED = ["SEED = 0", "target = ", "def second_moments"]

MEAN = """
def mean_and_error(values):
    {body}
answer = mean_and_error(np.arange(10.0))
"""
WRONG = {
    1: ["answer = 2.25", "answer = 1.0"],  # without the width of a mode; without the distance
    2: [
        MEAN.format(body="return values.mean(), values.std(ddof=1)"),
        MEAN.format(body="return values.mean(), values.std(ddof=1) / len(values)"),
    ],
    3: ["answer = 0.01", "answer = 5.0"],  # no bias to see; a chain that runs away
}
