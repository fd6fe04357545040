"""All proofs."""

from formal.table_neurons import MULTI_SPIKE, NEURONS
from formal.table_progress import PROGRESS
from formal.table_rule import ARITHMETIC
from formal.table_streams import STREAMS

PROOFS = STREAMS + NEURONS + MULTI_SPIKE + PROGRESS + ARITHMETIC
