"""Wrong answers to the exercises of 04."""

NEEDED = ["SEED = 0"]

PREDICT = """
def predict():
    return {answer}
answer = predict()
"""
SCHEDULE = """
def one_over_t(visited, levels):
    log_f, seen, falling, present = np.empty(len(visited)), set(), False, 1.0
    for k, level in enumerate(visited):
        t = {time}
        seen.add(level)
        if not falling and len(seen) == levels:
            present, seen = present / 2, set()
            falling = {falling}
        log_f[k] = {value}
    return log_f
slow_walk = np.tile(np.repeat(np.arange(5), 100), 40)
answer = one_over_t(slow_walk, 5)
"""
RIGHT = {
    "time": "(k + 1) / levels",
    "falling": "present <= 1 / t",
    "value": "1 / t if falling else present",
}
SETTINGS = """
def my_settings():
    return {answer}
answer = my_settings()
"""
WRONG = {
    1: [PREDICT.format(answer=answer) for answer in ("(1, 8, 25)", "(2, 4, 50)", "(2, 8, 25)")],
    2: [
        SCHEDULE.format(**{**RIGHT, "time": "k + 1"}),  # not per level
        SCHEDULE.format(**{**RIGHT, "falling": "False"}),  # halves for ever
        SCHEDULE.format(**{**RIGHT, "value": "1 / t"}),  # no halvings first
        SCHEDULE.format(**{**RIGHT, "value": "min(present, 1 / t)"}),
        SCHEDULE.format(**{**RIGHT, "value": "max(present, 1 / t)"}),
    ],
    3: [
        SETTINGS.format(answer=answer)
        for answer in (
            "{'steps': 100_000, 'step_size': 0.5}",
            "{'steps': 100_000, 'step_size': 0.03}",
            "{'steps': 100_000, 'step_size': 0.25, 'schedule': 'flatness'}",
            "{'steps': 1_000_000, 'step_size': 0.25}",
        )
    ],
}
