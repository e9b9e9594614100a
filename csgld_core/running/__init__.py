"""Many runs: seeds, studies, and runs that go on from a checkpoint."""

from . import parallel, study
from .parallel import replicate, resume

__all__ = ["parallel", "replicate", "resume", "study"]
