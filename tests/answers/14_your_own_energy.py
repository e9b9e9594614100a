"""Wrong answers to the exercises of 14."""

NEEDED = ["SEED = 0", "def muller_brown", "target.check()", "TEMPERATURE, starts"]

HIMMELBLAU = """
def himmelblau_target():
    @numba.njit
    def himmelblau(position, gradient):
        x, y = position
        first, second = x * x + y - 11.0, x + y * y - 7.0
        gradient[0] = {slope}
        gradient[1] = 2.0 * first + 4.0 * y * second
        return {energy}
    return cc.Target(himmelblau, dim=2, box=(-6.0, 6.0), name="Himmelblau")
mine = himmelblau_target()
"""
RIGHT_SLOPE, RIGHT_ENERGY = "4.0 * x * first + 2.0 * second", "first * first + second * second"
WELLS = """
def my_target():
    @numba.njit
    def double_well(position, gradient):
        x = position[0]
        gradient[0] = 4.0 * {height} * x * (x * x - 1.0) + 0.5
        return {height} * (x * x - 1.0) ** 2 + 0.5 * x
    return cc.Target(double_well, dim=1, {more}name="double well")
answer = my_target()
"""
MODES = "modes=[[-1.0], [1.0]], "
WRONG = {
    1: ["guess = 0.01", "guess = 0.5"],
    2: [
        HIMMELBLAU.format(slope="2.0 * x * first + 2.0 * second", energy=RIGHT_ENERGY),
        HIMMELBLAU.format(slope="4.0 * x * first", energy=RIGHT_ENERGY),
        HIMMELBLAU.format(slope=RIGHT_SLOPE, energy="first + second"),
        HIMMELBLAU.format(slope=RIGHT_SLOPE, energy=RIGHT_ENERGY).replace("6.0, 6.0", "5.0, 5.0"),
    ],
    3: [
        WELLS.format(height=12.0, more=MODES),  # no box
        WELLS.format(height=12.0, more="box=(-2.5, 2.5), "),  # no modes
        WELLS.format(height=1.0, more="box=(-2.5, 2.5), " + MODES),  # no barrier
    ],
}
