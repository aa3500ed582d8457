"""A simulated world: ECGs from a heart-vector model, and pairs of reports that differ as in Table A.1.

For the demo, tests and studies; always marked as simulated, never a substitute for patients.
"""

from ml.corpus.simulator.cases import SimulatedEcg, simulate
from ml.corpus.simulator.ledger import Ledger, table_a1
from ml.corpus.simulator.pairs import SimulatedPair, simulate_pairs

__all__ = ["Ledger", "SimulatedEcg", "SimulatedPair", "simulate", "simulate_pairs", "table_a1"]
