"""Models with discrete states: an energy, and a random move from state to state.

A move is one compiled function (state, energy, proposal, data, generator) -> energy. It fills
`proposal` with a state drawn by a symmetric rule, as likely from there as back, and returns the
energy of that state, which it may find from the present `energy` and the change.
"""

import numpy as np
from numba import njit
from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaError

from .. import checks
from ..kernels import PROPOSE_SIGNATURE, keep_on_disk

__all__ = ["DiscreteTarget", "ising"]


def __dir__():
    return __all__


def _propose(function):
    """Compile a user's move to the signature of the loop."""
    if not isinstance(function, Dispatcher):
        raise ValueError(f"propose must be compiled with numba.njit, got {function!r}")
    if function is _flip or PROPOSE_SIGNATURE.args in function.overloads:
        return function
    try:

        @njit(PROPOSE_SIGNATURE, nogil=True)
        def compiled(state, energy, proposal, data, generator):
            return function(state, energy, proposal, data, generator)

    except NumbaError as error:
        raise ValueError(
            "propose must take (state, energy, proposal, data, generator) and return the energy of "
            f"the proposal; numba says: {str(error).strip()}"
        ) from None
    return compiled


class DiscreteTarget:
    """A discrete model for `wang_landau` and `samc`.

    Parameters
    ----------
    propose : numba-compiled callable (state, energy, proposal, data, generator) -> energy
        Fills `proposal` (dim,) with a neighbour of `state` (dim,), both float64 and the latter not
        to be changed, by a symmetric rule, and returns the energy of the proposal. It is carried
        from move to move: where its changes are rounded, the errors add up.
    energy : callable (state) -> energy
        The energy of any state from scratch; it is asked for the start only.
    dim : int
        Number of coordinates of a state.
    start : callable (numpy.random.Generator) -> state
        A random state (dim,).
    name : str
    data : array (rows, columns) or None
        Numbers for `propose`.

    Raises
    ------
    ValueError
        If an argument is outside what is listed here.
    """

    def __init__(self, propose, energy, dim, *, start, name="discrete", data=None):
        for argument, function in (("energy", energy), ("start", start)):
            checks.function(argument, function)
        self.propose = _propose(propose)
        self.energy = energy
        self.dim = checks.integer("dim", dim, least=1)
        checks.memory(8 * 10 * self.dim, dim=self.dim)
        self.start = start
        self.name = str(name)
        self.data = np.zeros((1, 1)) if data is None else checks.array("data", data, (None, None))

    def __repr__(self):
        return f"DiscreteTarget({self.name!r}, dim={self.dim})"

    def description(self):
        """Name and dim, ready for JSON."""
        return {"name": self.name, "dim": self.dim}

    def check(self, moves=1000, *, tolerance=1e-9):
        """Compare the energy of each move of a random walk with the energy from scratch.

        Parameters
        ----------
        moves : int
        tolerance : float
            Largest allowed difference, relative to 1 + |energy|.

        Raises
        ------
        ValueError
            If one differs, or if `propose` changes the state that it starts from.
        """
        tolerance = checks.number("tolerance", tolerance, above=0.0)
        generator = np.random.default_rng(0)
        state = checks.array("start", self.start(generator), (self.dim,))
        proposal = np.empty(self.dim)
        for move in range(checks.integer("moves", moves, least=1)):
            before = state.copy()
            found = self.propose(state, float(self.energy(state)), proposal, self.data, generator)
            if not np.array_equal(state, before):
                raise ValueError(f"propose must leave its state alone, it does not at move {move}")
            expected = float(self.energy(proposal))
            if not abs(found - expected) <= tolerance * (1 + abs(expected)):
                raise ValueError(
                    f"propose must return the energy of the proposal: at move {move} it gives "
                    f"{found:g}, energy gives {expected:g}"
                )
            state, proposal = proposal, state


@keep_on_disk
@njit(nogil=True)
def _flip(state, energy, proposal, data, generator):
    # Row i of data: the four neighbours of spin i.
    for i in range(state.size):
        proposal[i] = state[i]
    site = int(state.size * generator.random())
    proposal[site] = -state[site]
    field = 0.0
    for k in range(4):
        field += state[int(data[site, k])]
    return energy + 2.0 * state[site] * field


def ising(size):
    """E6: the Ising model on a size x size square lattice with periodic borders.

    U = -sum over neighbours of s_i s_j, with s_i = +1 or -1; a move flips one spin. Energies are
    4 apart: with N = size**2 spins, EnergyPartition(-2 * N - 2, 2 * N + 2, N + 1) has one in each
    cell. The lattice has 2**N states; `exact.ising_density_of_states` counts them by energy.

    Parameters
    ----------
    size : int
        Spins along each side, at least 2. On the 2 x 2 lattice each neighbour counts twice, once
        across the border.

    Returns
    -------
    DiscreteTarget
        With states (size**2,), row by row.
    """
    size = checks.integer("size", size, least=2)
    checks.memory(8 * 20 * size**2, size=size)
    sites = np.arange(size * size).reshape(size, size)
    shifts = [(1, 0), (1, 1), (-1, 0), (-1, 1)]
    neighbours = np.stack([np.roll(sites, shift, axis).ravel() for shift, axis in shifts], axis=1)

    def energy(state):
        spins = np.reshape(state, (size, size))
        return -float((spins * (np.roll(spins, 1, 0) + np.roll(spins, 1, 1))).sum())

    def start(generator):
        return generator.choice([-1.0, 1.0], size * size)

    return DiscreteTarget(
        _flip, energy, size * size, start=start, name=f"ising({size})", data=neighbours
    )
