"""One chain's memory, and several chains advanced in threads, in chunks that can be interrupted."""

import json
import time

import numpy as np

from . import loop
from .checkpoint import fields_of, restore_array, restore_fields
from .energy_pdf import energy_pdf, learned_energy_pdf
from .integrators import Walkers
from .parallel import in_threads, stopping

SNAPSHOTS = 200
SNAPSHOT_CELLS = 1000
SNAPSHOT_COST = 4  # cells copied per step, on average and at most
CHUNK_SECONDS = 0.05  # between two looks at Ctrl-C and the progress bar
DRAWN = ("positions", "energies", "exact_energies", "multipliers", "log_weights")


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
    """Walkers, generator, energy PDF and draws of one chain.

    Parameters
    ----------
    seed : numpy.random.SeedSequence
    target : Target
    steps : int
    common : Common
    start : array (kept, dim) or None
        None draws it.
    kept : int
        Number of walkers, the first ones, whose draws are kept.
    step_sizes, temperatures : sequences, one number for each walker
    plan : loop.Plan
    theta : array (bins,) or None
        Energy PDF at the start; None where none is learned.
    """

    def __init__(
        self, seed, target, steps, common, start, kept, step_sizes, temperatures, plan, theta
    ):
        count, dim = len(temperatures), target.dim
        self.generator = np.random.default_rng(seed)
        self.fixed = (target.sampled, target.data, self.generator)
        self.plan = plan
        if start is None:
            start = [target.start(self.generator) for _ in range(kept)]
        self.start = np.asarray(start)
        shape = (count, dim)
        heat = np.sqrt(temperatures)[:, None]
        self.walkers = Walkers(
            position=np.resize(self.start, shape),
            velocity=heat * self.generator.standard_normal(shape),
            noise=self.generator.standard_normal(shape),
            gradient=np.zeros(shape),
            energy=np.zeros(count),
            exact_energy=np.zeros(count),
            multiplier=np.ones(count),
            step_size=np.array(step_sizes),
            temperature=np.array(temperatures),
            ceiling=np.zeros(count),
            lowest_energy=np.full(count, np.inf),
            lowest_position=np.resize(self.start, shape),
        )
        contour = plan.contour
        self.pdf = energy_pdf(np.ones(contour.bins) if theta is None else theta, contour)
        self.draws = _draws(plan, steps, common, kept, dim)
        # A component that the callback forgets to fill stays NaN, and shows.
        self.scratch = tuple(np.full(dim, np.nan) for _ in range(4))
        self.counters = np.zeros(loop.COUNTERS, dtype=np.int64)
        self.counters[loop.STEP] = -1
        self.counters[loop.NEXT_DRAW] = common.burn_in + common.thin
        self.counters[loop.NEXT_BUILD] = contour.rebuild_every

    @property
    def energy_pdf(self):
        """theta (bins,) as it stands."""
        return learned_energy_pdf(self.pdf)

    @property
    def done(self):
        """Steps so far."""
        return max(0, int(self.counters[loop.STEP]))

    @property
    def gradients(self):
        """Gradients taken by all moves so far, and at the start."""
        return int(self.counters[loop.STEP] + 1) * self.walkers.energy.size

    def drawn(self, name):
        """The draws made so far of one kind (kept, draws, ...), or their steps (draws,)."""
        array, n = getattr(self.draws, name), self.counters[loop.DRAWN]
        return array[:n] if name == "steps" else array[:, :n]

    def state(self):
        """All that changes while the chain advances, as named arrays."""
        return {
            **fields_of("walkers", self.walkers),
            **fields_of("pdf", self.pdf),
            **{f"draws.{name}": self.drawn(name) for name in (*DRAWN, "steps")},
            "draws.snapshots": self.draws.snapshots[: self.counters[loop.SNAPSHOTS]],
            "counters": self.counters.copy(),
            "generator": np.array(json.dumps(self.generator.bit_generator.state)),
            "start": self.start,
        }

    def restore(self, state):
        """Go back to a `state`."""
        restore_fields("walkers", self.walkers, state)
        restore_fields("pdf", self.pdf, state)
        self._restore_counters(state)
        for name in (*DRAWN, "steps"):
            restore_array(f"draws.{name}", self.drawn(name), state)
        snapshots = self.draws.snapshots[: self.counters[loop.SNAPSHOTS]]
        restore_array("draws.snapshots", snapshots, state)
        self.generator.bit_generator.state = json.loads(state["generator"].item())
        start = np.empty((len(self.draws.positions), self.start.shape[1]))
        restore_array("start", start, state)
        self.start = start

    def _restore_counters(self, state):
        """The loop trusts them: raise unless they can be those of this run."""
        draws, fresh = self.draws, self.counters.copy()
        restore_array("counters", self.counters, state)
        step, drawn = self.counters[[loop.STEP, loop.DRAWN]]
        due = max(0, (step - fresh[loop.NEXT_DRAW]) // draws.thin + 1)
        if (
            step < -1
            or self.counters[loop.NEXT_DRAW] != fresh[loop.NEXT_DRAW] + due * draws.thin
            or not 0 <= drawn <= min(due, draws.steps.size)
            or not 0 <= self.counters[loop.SNAPSHOTS] <= draws.snapshot_steps.size
        ):
            raise ValueError(f"counters cannot be {state['counters'].tolist()}")

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
                    f"{self.walkers.position[w].tolist()} with energy {self.walkers.energy[w]} "
                    f"and gradient {self.walkers.gradient[w].tolist()}"
                )
            raise DivergenceError(
                int(self.counters[loop.STEP]),
                self.walkers.position[w].copy(),
                float(self.walkers.multiplier[w]),
            )


def _draws(plan, steps, common, kept, dim):
    """Empty draws, and when to take snapshots of the energy PDF."""
    contour, snapshots = plan.contour, 0
    if plan.strategy.kind == loop.CONTOUR:
        snapshots = max(1, min(SNAPSHOTS, SNAPSHOT_COST * steps // contour.bins))
    coarse = -(-contour.bins // SNAPSHOT_CELLS)
    snapshot_steps = np.unique(np.linspace(0, steps, snapshots + 1).astype(np.int64)[1:])
    snapshot_steps = snapshot_steps[snapshot_steps > 0]
    n = (steps - common.burn_in) // common.thin
    return loop.Draws(
        thin=common.thin,
        steps=np.empty(n, dtype=np.int64),
        positions=np.empty((kept, n, dim)),
        energies=np.empty((kept, n)),
        exact_energies=np.empty((kept, n)),
        multipliers=np.empty((kept, n)),
        log_weights=np.empty((kept, n)),
        snapshot_steps=snapshot_steps,
        snapshots=np.empty((snapshot_steps.size, -(-contour.bins // coarse))),
        cells_per_snapshot_cell=coarse,
    )


def in_chunks(chains, steps, *, workers=None, progress=False, checkpoint=None):
    """Call `advance(step)` of every chain, on and on from its `done` to `steps`, in threads.

    The first call is for one step, later ones for as many as take CHUNK_SECONDS. Returns True if
    the user interrupted.
    """
    bar = _progress_bar(steps * len(chains), sum(c.done for c in chains)) if progress else None

    def task(n, chain):
        done, chunk = chain.done, 1
        while done < steps and not stopping():
            before, now = done, time.perf_counter()
            done = min(steps, done + chunk)
            chain.advance(done)
            seconds = time.perf_counter() - now
            chunk = max(1, int((done - before) * CHUNK_SECONDS / max(seconds, 1e-6)))
            if bar is not None:
                bar.update(done - before)
            if checkpoint is not None:
                checkpoint.keep(n, chain)
        if checkpoint is not None:
            checkpoint.keep(n, chain, last=True)

    tasks = [lambda n=n, c=c: task(n, c) for n, c in enumerate(chains)]
    try:
        return in_threads(tasks, workers)[1]
    finally:
        if bar is not None:
            bar.close()
        if checkpoint is not None:
            checkpoint.try_to_write()


def run_chains(chains, steps, common):
    """Advance all chains to `steps`; True if the user interrupted them before the end."""
    interrupted = in_chunks(
        chains,
        steps,
        workers=common.workers,
        progress=common.progress,
        checkpoint=common.checkpoint,
    )
    if interrupted and not any(chain.counters[loop.DRAWN] for chain in chains):
        raise KeyboardInterrupt
    return interrupted and any(chain.counters[loop.STEP] < steps for chain in chains)


def _progress_bar(total, done):
    from tqdm.auto import tqdm

    return tqdm(total=total, initial=done, unit="step", unit_scale=True)
