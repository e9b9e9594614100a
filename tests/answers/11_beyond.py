"""Wrong answers to the exercises of 11."""

NEEDED = ["import csgld_core as cc", "SEED = 500"]

POLYAK = """
def polyak(run):
    {body}
slow = cc.ContourScheme(slope="smooth", gain_schedule=(0.05, 10.0, 0.7, 0.0))
noisy = {{**experiments.E2_BAOAB, "target": nine, "scheme": slow, "step_size": 0.075}}
some = [cc.contour_sgld(**noisy, seed=seed) for seed in SEEDS[:2]]
averages = [polyak(run) for run in some]
"""
WRONG = {
    1: ["sigma = 200.0", "sigma = np.sqrt(0.1 / 0.001)"],
    2: [
        POLYAK.format(body="return run.energy_pdf"),  # the last one
        POLYAK.format(body="return run.energy_pdf_histories[0].mean(axis=0)"),  # the beginning too
        POLYAK.format(body="return run.energy_pdf_histories.mean()"),
    ],
    3: [
        "mine = {'integrator': 'euler', 'step_size': 1e-5}",  # hardly moves
        "mine = {'integrator': 'mala', 'step_size': 2.0}",  # nothing is accepted
        "mine = {'steps': 10**6, 'step_size': 0.03}",
    ],
}
