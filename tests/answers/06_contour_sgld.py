"""Wrong answers to the exercises of 06."""

NEEDED = ["SEED = 0", "cells = cc.EnergyPartition"]

UPDATE = """
def update(theta, cell, zeta, omega):
    {body}
answer = update(theta_star.copy(), 3, 0.75, 0.5)
"""
IN_PLACE = """for i in range(len(theta)):
        theta[i] += omega * theta[cell] ** zeta * ((i == cell) - theta[i])
    return theta"""
OTHERS_STAY = """theta[cell] += omega * theta[cell] ** zeta * (1 - theta[cell])
    return theta"""
OTHER_GAIN = "return theta + omega * theta[cell] * (np.eye(len(theta))[cell] - theta)"
NO_GAIN = "return theta + omega * (np.eye(len(theta))[cell] - theta)"

SCHEDULE = "answer = {{'scheme': cc.ContourScheme(gain_schedule={schedule})}}"
WRONG = {
    1: [
        "answer = [1.0, 1.75, 2.5]",  # the sign
        "answer = [1.0, 0.0, -1.0]",  # no zeta
        "answer = [1.0, 0.67, 0.35]",  # logarithm to base 10
        "answer = [0.0, -0.75, -1.5]",  # no 1
    ],
    2: [UPDATE.format(body=body) for body in (IN_PLACE, OTHERS_STAY, OTHER_GAIN, NO_GAIN)],
    3: [
        "answer = {}",
        "answer = {'zeta': 0.0}",
        "answer = {'step_size': 1.0}",
        SCHEDULE.format(schedule=(0.05, 1.0, 1.0, 0.0)),
        SCHEDULE.format(schedule=(0.05, 30.0, 0.0, 0.0)),
    ],
}
