"""A simulated world: ECGs from a heart-vector model, and pairs of reports that differ as in Table A.1.

For the demo, tests and studies; always marked as simulated, never a substitute for patients.
"""

from ml.corpus.simulator.cases import SimulatedEcg, simulate

__all__ = ["SimulatedEcg", "simulate"]
