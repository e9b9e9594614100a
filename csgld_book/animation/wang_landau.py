"""Wang-Landau's histogram of visits, as it becomes flat."""

import numpy as np

from .. import plotting
from .gif import animate, panels

HIGHEST_BAR = 4.0  # of the visits, in mean levels; early ones may be cut


@plotting.style()
def wang_landau(walks, energies, states):
    """A Wang-Landau walk: its visits become flat while ln g grows to the exact one.

    Parameters
    ----------
    walks : list of DensityOfStates
        One walk, stopped after more and more moves: a frame for each.
    energies, states : array (levels,)
        The levels, and the exact number of states of each.

    Returns
    -------
    Animation
    """
    cells = walks[0].partition.index(energies)
    levels = np.arange(len(energies))
    places = {"left": 0.06, "right": 0.99, "bottom": 0.15, "top": 0.82, "wspace": 0.12}
    fig, ((left, right),) = panels(9.0, 3.3, 2, **places)
    clock = fig.suptitle("", fontsize=10)
    look = {"color": plotting.COLOURS["reSGLD"], "edgecolor": "k", "linewidth": 0.5}
    bars = left.bar(levels, np.zeros(len(levels)), **look)
    left.axhline(1, color="k", linestyle="--", linewidth=1, label="flat")
    flatness = left.set_title("")
    left.set(ylabel="visits, mean level = 1", ylim=(0, HIGHEST_BAR))
    left.legend(loc="upper right")
    look = plotting.look("SGLD") | {"linestyle": "none", "markersize": 7}
    right.plot(levels, np.log(states), "k_", markersize=16, markeredgewidth=2, label="exact")
    (learned,) = right.plot([], [], **look, label="learned")
    right.set_ylim(-1, 1.15 * np.log(states.max()))
    right.set_title("ln g(E), logarithm of the number of states")
    right.legend(loc="lower center")
    for ax in (left, right):
        ax.set_xticks(levels, [f"{energy:g}".replace("-", "−") for energy in energies])
        ax.tick_params("x", labelsize=8)
        ax.set(xlabel="energy E of the level", xlim=(-0.8, levels[-1] + 0.8))

    def draw(n):
        walk = walks[n]
        heights = walk.visits[cells] / walk.visits[cells].mean()
        for bar, height in zip(bars, heights, strict=True):
            bar.set_height(height)
        learned.set_data(levels, walk.normalised(np.log(states.sum()))[cells])
        flatness.set_text(f"visits so far: the rarest level has {heights.min():.0%} of the mean")
        clock.set_text(f"Wang–Landau after {walk.steps:,} moves, ln f = {walk.history[-1]:.1g}")

    return animate(fig, [clock, flatness, *bars, learned], draw, len(walks), milliseconds=120)
