import numba
import numpy as np
import pytest

import csgld_core as cc


@numba.njit
def hop(state, energy, proposal, data, generator):
    proposal[0] = state[0] + (1.0 if generator.random() < 0.5 else -1.0)
    return abs(proposal[0])


@numba.njit
def wrong_energy(state, energy, proposal, data, generator):
    proposal[0] = state[0] + 1.0
    return energy


@numba.njit
def moves_the_state(state, energy, proposal, data, generator):
    state[0] += 1.0
    proposal[0] = state[0]
    return abs(proposal[0])


@numba.njit
def no_energy(state, energy, proposal, data, generator):
    proposal[0] = state[0]


def model(propose=hop, dim=1, **changes):
    arguments = {"energy": lambda state: abs(state[0]), "start": lambda generator: np.zeros(1)}
    arguments.update(changes)
    return cc.DiscreteTarget(propose, dim=dim, **arguments)


def bonds(size):
    """Every site with its right and its lower neighbour."""
    sites = [(i, j) for i in range(size) for j in range(size)]
    return [
        (a, ((a[0] + di) % size, (a[1] + dj) % size)) for a in sites for di, dj in ((0, 1), (1, 0))
    ]


@pytest.mark.parametrize("size", [2, 3, 4, 7])
def test_ising_energies(size):
    ising = cc.discrete.ising(size)
    state = ising.start(np.random.default_rng(size))
    assert set(state) == {-1.0, 1.0}
    spins = state.reshape(size, size)
    assert ising.energy(state) == -sum(spins[a] * spins[b] for a, b in bonds(size))
    assert ising.energy(np.ones(size * size)) == -2 * size * size
    ising.check()


def test_a_move_flips_one_spin_anywhere():
    ising, generator = cc.discrete.ising(4), np.random.default_rng(1)
    state, proposal, flips = ising.start(generator), np.empty(16), np.zeros(16)
    for _ in range(3200):
        ising.propose(state, 0.0, proposal, ising.data, generator)
        assert (state != proposal).sum() == 1
        flips += state != proposal
    assert (abs(flips - 200) < 5 * np.sqrt(200)).all()


def test_a_model_of_ones_own():
    model().check()
    assert repr(model(name="line")) == "DiscreteTarget('line', dim=1)"


@pytest.mark.parametrize(
    ("propose", "message"),
    [(wrong_energy, "return the energy of the proposal"), (moves_the_state, "leave its state")],
)
def test_check_finds_wrong_moves(propose, message):
    with pytest.raises(ValueError, match=f"propose must {message}"):
        model(propose).check()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"propose": no_energy}, "propose must take"),
        ({"propose": lambda *arguments: 0.0}, "propose must be compiled with numba.njit, got"),
        ({"energy": 3}, "energy must be a function, got 3"),
        ({"start": None}, "start must be a function, got None"),
        ({"dim": 0}, "dim must be a whole number >= 1, got 0"),
        ({"data": [1.0]}, "data must be finite numbers"),
    ],
)
def test_bad_models(changes, message):
    with pytest.raises(ValueError, match=message):
        model(**changes)


@pytest.mark.parametrize("size", [1, 2.5, "4", True])
def test_bad_sizes(size):
    with pytest.raises(ValueError, match=r"size must be a whole number >= 2, got"):
        cc.discrete.ising(size)


@pytest.mark.parametrize("size", [2, 3, 4])
def test_enumeration_agrees_with_the_transfer_matrix(size):
    # Z = trace T^size, T from row to row: no state of the whole lattice is ever looked at.
    rows = np.array(np.meshgrid(*[[-1, 1]] * size)).reshape(size, -1).T
    across = (rows * np.roll(rows, 1, axis=1)).sum(axis=1)
    energies, states = cc.exact.ising_density_of_states(size)
    assert states.sum() == 2 ** (size * size)
    for beta in (-0.3, 0.0, 0.1, 0.44, 1.0):
        transfer = np.exp(beta * (across[:, None] + rows @ rows.T))
        z = np.trace(np.linalg.matrix_power(transfer, size))
        assert states @ np.exp(-beta * energies) == pytest.approx(z, rel=1e-12)


@pytest.mark.parametrize("size", [1, 6])
def test_enumeration_knows_its_limits(size):
    with pytest.raises(ValueError, match="size must be a whole number >= 2 and <= 5, got"):
        cc.exact.ising_density_of_states(size)
