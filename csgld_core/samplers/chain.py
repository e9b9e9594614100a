"""One chain's memory, and several chains advanced in threads, in chunks that can be interrupted."""

import json
import time

import numpy as np

from ..kernels.energy_pdf import energy_pdf, theta_of
from ..kernels.integrators import Origin, Walkers
from ..kernels.loop import CONTOUR, COUNTERS, DRAWN, Draws, Scratch, State, advance
from ..tasks import in_threads, progress_bar, stopping
from .checkpoint import fields_of, restore_array, restore_fields

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
    """Walkers, generator, energy PDF and draws of one chain.

    Parameters
    ----------
    job : Job
    plan : Plan
        That of the job.
    seed : numpy.random.SeedSequence
    start : array (kept, dim) or None
        None draws it.
    """

    def __init__(self, job, plan, seed, start):
        target, temperatures = job.target, np.array(job.temperatures)
        shape = count, dim = temperatures.size, target.dim
        generator = self.generator = np.random.default_rng(seed)
        if start is None:
            start = [target.start(generator) for _ in range(job.kept)]
        self.source = (target.sampled, target.data, generator)
        self.plan, self.start = plan, np.asarray(start)
        walkers = Walkers(
            position=np.resize(self.start, shape),
            velocity=np.sqrt(temperatures)[:, None] * generator.standard_normal(shape),
            noise=generator.standard_normal(shape),
            gradient=np.zeros(shape),
            energy=np.zeros(count),
            exact_energy=np.zeros(count),
            multiplier=np.ones(count),
            step_size=np.array(job.step_sizes),
            temperature=temperatures,
            ceiling=np.zeros(count),
            lowest_energy=np.full(count, np.inf),
            lowest_position=np.resize(self.start, shape),
        )
        theta = np.ones(plan.contour.bins) if job.theta is None else job.theta
        counters = np.zeros(1, dtype=COUNTERS)
        counters["step"] = -1
        counters["next_draw"] = job.common.burn_in + job.common.thin
        counters["next_build"] = plan.contour.rebuild_every
        nothing = np.full(dim, np.nan)  # a component that the callback forgets to fill shows
        self.state = State(
            walkers=walkers,
            pdf=energy_pdf(theta, plan.contour),
            draws=_empty_draws(job, plan),
            counters=counters,
            scratch=Scratch(nothing.copy(), nothing.copy()),
            origin=Origin(nothing.copy(), nothing.copy(), np.zeros(1), np.ones(1), np.zeros(1)),
        )

    @property
    def walkers(self):
        """Where the walkers are, and what they carry."""
        return self.state.walkers

    @property
    def draws(self):
        """Room for all draws; `drawn` has those that were made."""
        return self.state.draws

    @property
    def energy_pdf(self):
        """theta (bins,) as it stands."""
        return theta_of(self.state.pdf)

    @property
    def done(self):
        """Steps so far."""
        return max(0, self.count("step"))

    @property
    def gradients(self):
        """Gradients taken by all moves so far, and at the start."""
        return (self.count("step") + 1) * self.walkers.energy.size

    def count(self, name):
        """One of the counters of the loop, by name."""
        return int(self.state.counters[name][0])

    def drawn(self, name):
        """The draws made so far of one kind (kept, draws, ...), or their steps (draws,)."""
        array, n = getattr(self.draws, name), self.count("drawn")
        return array[:n] if name == "steps" else array[:, :n]

    def saved_state(self):
        """All that changes while the chain advances, as named arrays for a checkpoint."""
        return {
            **fields_of("walkers", self.walkers),
            **fields_of("pdf", self.state.pdf),
            **{f"draws.{name}": self.drawn(name) for name in ("positions", *DRAWN, "steps")},
            "draws.snapshots": self.draws.snapshots[: self.count("snapshots")],
            "counters": self.state.counters.view(np.int64).copy(),
            "generator": np.array(json.dumps(self.generator.bit_generator.state)),
            "start": self.start,
        }

    def restore(self, saved):
        """Go back to a `saved_state`."""
        restore_fields("walkers", self.walkers, saved)
        restore_fields("pdf", self.state.pdf, saved)
        self._restore_counters(saved)
        for name in ("positions", *DRAWN, "steps"):
            restore_array(f"draws.{name}", self.drawn(name), saved)
        snapshots = self.draws.snapshots[: self.count("snapshots")]
        restore_array("draws.snapshots", snapshots, saved)
        self.generator.bit_generator.state = json.loads(saved["generator"].item())
        start = np.empty((len(self.draws.positions), self.start.shape[1]))
        restore_array("start", start, saved)
        self.start = start

    def _restore_counters(self, saved):
        """The loop trusts them: raise unless they can be those of this run."""
        draws, first_draw = self.draws, self.count("next_draw")
        restore_array("counters", self.state.counters.view(np.int64), saved)
        step, drawn = self.count("step"), self.count("drawn")
        due = max(0, (step - first_draw) // draws.thin + 1)
        if (
            step < -1
            or self.count("next_draw") != first_draw + due * draws.thin
            or not 0 <= drawn <= min(due, draws.steps.size)
            or not 0 <= self.count("snapshots") <= draws.snapshot_steps.size
        ):
            raise ValueError(f"counters cannot be {saved['counters'].tolist()}")

    def advance(self, stop):
        """Move on to step `stop`; raise DivergenceError if the chain runs away."""
        failed = advance(*self.source, self.state, self.plan, stop)
        if failed:
            w, walkers = failed - 1, self.walkers
            if self.count("step") < 0:
                raise ValueError(
                    "start must have a finite energy and gradient, got "
                    f"{walkers.position[w].tolist()} with energy {walkers.energy[w]} "
                    f"and gradient {walkers.gradient[w].tolist()}"
                )
            raise DivergenceError(
                self.count("step"), walkers.position[w].copy(), float(walkers.multiplier[w])
            )


def _empty_draws(job, plan):
    """Room for the draws, and when to take snapshots of the energy PDF."""
    steps, common, kept, dim = job.steps, job.common, job.kept, job.target.dim
    contour, snapshots = plan.contour, 0
    if plan.strategy.kind == CONTOUR:
        snapshots = max(1, min(SNAPSHOTS, SNAPSHOT_COST * steps // contour.bins))
    coarse = -(-contour.bins // SNAPSHOT_CELLS)
    snapshot_steps = np.unique(np.linspace(0, steps, snapshots + 1).astype(np.int64)[1:])
    snapshot_steps = snapshot_steps[snapshot_steps > 0]
    n = (steps - common.burn_in) // common.thin
    return Draws(
        thin=common.thin,
        steps=np.empty(n, dtype=np.int64),
        positions=np.empty((kept, n, dim)),
        **{name: np.empty((kept, n)) for name in DRAWN},
        snapshot_steps=snapshot_steps,
        snapshots=np.empty((snapshot_steps.size, -(-contour.bins // coarse))),
        cells_per_snapshot_cell=coarse,
    )


def in_chunks(chains, steps, *, workers=None, progress=False, checkpoint=None):
    """Call `advance(step)` of every chain, on and on from its `done` to `steps`, in threads.

    The first call is for one step, later ones for as many as take CHUNK_SECONDS. Returns True if
    the user interrupted.
    """
    bar = None
    if progress:
        bar = progress_bar(steps * len(chains), "step", sum(chain.done for chain in chains))

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


def advance_chains(chains, steps, common):
    """Advance all chains to `steps`; True if the user interrupted them before the end."""
    interrupted = in_chunks(
        chains,
        steps,
        workers=common.workers,
        progress=common.progress,
        checkpoint=common.checkpoint,
    )
    if interrupted and not any(chain.count("drawn") for chain in chains):
        raise KeyboardInterrupt
    return interrupted and any(chain.count("step") < steps for chain in chains)
