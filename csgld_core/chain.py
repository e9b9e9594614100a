"""One chain's memory, and several chains advanced in threads, in chunks that can be interrupted."""

import time

import numpy as np

from . import loop
from .energy_pdf import energy_pdf
from .integrators import Walkers
from .parallel import in_threads, stopping

SNAPSHOTS = 200
SNAPSHOT_CELLS = 1000
SNAPSHOT_COST = 4  # cells copied per step, on average and at most
CHUNK_SECONDS = 0.05  # between two looks at Ctrl-C and the progress bar


class DivergenceError(RuntimeError):
    """A chain ran away to infinity.

    Attributes
    ----------
    step : int
        Number of moves before the one that failed.
    position : array (dim,)
        Where that move led.
    multiplier : float
        Gradient multiplier of that move.
    """

    def __reduce__(self):  # the message alone would not make it whole again
        return type(self), (self.step, self.position, self.multiplier)

    def __init__(self, step, position, multiplier):
        self.step, self.position, self.multiplier = step, position, multiplier
        shown = np.array2string(position, precision=4, separator=", ", threshold=6)
        super().__init__(
            f"the chain diverged at step {step}: it came to {shown} with gradient multiplier "
            f"{multiplier:.4g}; take a smaller step_size or, if the multiplier is large, clip"
        )


class Chain:
    """Walkers, generator, energy PDF and draws of one chain."""

    def __init__(self, seed, target, steps, common, start, step_sizes, temperatures, plan):
        count, dim = len(temperatures), target.dim
        self.generator = np.random.default_rng(seed)
        self.fixed = (target.callback, target.data, self.generator)
        self.plan = plan
        contour = plan.contour
        self.start = target.start(self.generator) if start is None else start
        shape = (count, dim)
        heat = np.sqrt(temperatures)[:, None]
        self.walkers = Walkers(
            position=np.tile(self.start, (count, 1)),
            velocity=heat * self.generator.standard_normal(shape),
            noise=self.generator.standard_normal(shape),
            force=np.zeros(shape),
            energy=np.zeros(count),
            exact_energy=np.zeros(count),
            multiplier=np.ones(count),
            step_size=np.array(step_sizes),
            temperature=np.array(temperatures),
        )
        self.pdf = energy_pdf(np.full(contour.bins, 1.0 / contour.bins), contour)
        snapshots = 0
        if plan.strategy.kind == loop.CONTOUR:
            snapshots = max(1, min(SNAPSHOTS, SNAPSHOT_COST * steps // contour.bins))
        coarse = -(-contour.bins // SNAPSHOT_CELLS)
        snapshot_steps = np.unique(np.linspace(0, steps, snapshots + 1).astype(np.int64)[1:])
        snapshot_steps = snapshot_steps[snapshot_steps > 0]
        n = (steps - common.burn_in) // common.thin
        self.draws = loop.Draws(
            thin=common.thin,
            steps=np.empty(n, dtype=np.int64),
            positions=np.empty((n, dim)),
            energies=np.empty(n),
            exact_energies=np.empty(n),
            multipliers=np.empty(n),
            log_weights=np.empty(n),
            snapshot_steps=snapshot_steps,
            snapshots=np.empty((snapshot_steps.size, -(-contour.bins // coarse))),
            cells_per_snapshot_cell=coarse,
        )
        self.scratch = (np.empty(dim), np.empty(dim), np.empty(dim))
        self.counters = np.zeros(loop.COUNTERS, dtype=np.int64)
        self.counters[loop.STEP] = -1
        self.counters[loop.NEXT_DRAW] = common.burn_in + common.thin
        self.counters[loop.NEXT_BUILD] = contour.rebuild_every

    @property
    def energy_pdf(self):
        """theta (bins,) as it stands."""
        return self.pdf.mass / self.pdf.total[0]

    def drawn(self, name):
        """The draws made so far of one kind, see `loop.Draws`."""
        return getattr(self.draws, name)[: self.counters[loop.DRAWN]]

    def advance(self, stop):
        """Move on to step `stop`; raise DivergenceError if the chain runs away."""
        failed = loop.advance(
            *self.fixed,
            self.walkers,
            self.plan,
            self.pdf,
            self.draws,
            self.counters,
            self.scratch,
            stop,
        )
        if failed:
            w = failed - 1
            if self.counters[loop.STEP] < 0:
                raise ValueError(
                    "start must have a finite energy and gradient, got "
                    f"{self.walkers.position[w].tolist()} with energy {self.walkers.energy[w]}"
                )
            raise DivergenceError(
                int(self.counters[loop.STEP]),
                self.walkers.position[w].copy(),
                float(self.walkers.multiplier[w]),
            )


def in_chunks(chains, steps, *, workers=None, progress=False, first=1000):
    """Call `advance(step)` of every chain, on and on up to `steps`, in threads.

    The first call is for `first` steps, later ones for as many as take CHUNK_SECONDS. Returns
    True if the user interrupted.
    """
    bar = _progress_bar(steps * len(chains)) if progress else None

    def task(chain):
        done, chunk = 0, first
        while done < steps and not stopping():
            before, now = done, time.perf_counter()
            done = min(steps, done + chunk)
            chain.advance(done)
            if time.perf_counter() - now < CHUNK_SECONDS:
                chunk *= 2
            if bar is not None:
                bar.update(done - before)

    try:
        return in_threads([lambda c=c: task(c) for c in chains], workers)[1]
    finally:
        if bar is not None:
            bar.close()


def run_chains(chains, steps, common):
    """Advance all chains to `steps`; True if the user interrupted them before the end."""
    interrupted = in_chunks(chains, steps, workers=common.workers, progress=common.progress)
    if interrupted and not any(chain.counters[loop.DRAWN] for chain in chains):
        raise KeyboardInterrupt
    return interrupted and any(chain.counters[loop.STEP] < steps for chain in chains)


def _progress_bar(total):
    from tqdm.auto import tqdm

    return tqdm(total=total, unit="step", unit_scale=True)
