"""The ports of a core, as its design decides them."""

from amaranth.hdl import signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen.hdl.io.gate import tokens_in
from hwgen.hdl.stream import result_layout
from hwgen.hdl.weights.readback import readback_layout
from hwgen.network.design import Design
from hwgen.protocol.memory import SPRAM_BITS


class CoreSignature(wiring.Signature):
    """Every core: `i` takes the tokens of samples (`hwgen.protocol.tokens`), `o` gives one result a
    sample. `early_exit` high: once a sample is decided, the rest of its input is swallowed; the
    decision is the same, what the layers do after it is not. `reg_data` is the register at
    `reg_addr` (`hwgen.protocol.words.Register`) of the cycle before.

    A core that learns: `shadows` gives the shadow weights of a layer when a POTENTIAL with its
    number comes in. One whose weights are loaded takes those of a layer from `fill` after a
    POTENTIAL whose index is greater by the number of layers; `filled` strobes after the last. They
    are shadow weights if it learns, else memory words in pieces
    (`hwgen.protocol.memory.loaded_words`). Either has `asks`: the token offered is such a
    POTENTIAL, at a moment when the core heeds it.
    """

    def __init__(self, design: Design) -> None:
        """design: its params, and what of the core is built."""
        spec = design.params.spec
        ports: dict[str, wiring.Member] = {}
        if design.learns and spec.learning:
            bits = spec.learning.shadow_bits
            ports |= {"shadows": Out(stream.Signature(readback_layout(bits))), "asks": Out(1)}
            if design.is_filled:
                ports |= {"fill": In(stream.Signature(signed(bits))), "filled": Out(1)}
        elif design.is_filled:
            fill = In(stream.Signature(signed(SPRAM_BITS)))
            ports |= {"asks": Out(1), "fill": fill, "filled": Out(1)}
        super().__init__(
            {
                **ports,
                "i": In(
                    tokens_in(
                        n_inputs=spec.input.n_inputs,
                        n_labels=spec.n_classes if design.learns else 0,
                        n_layers=len(spec.layers),
                        readable=design.learning_layers,
                        fillable=design.loaded_layers,
                    )
                ),
                "o": Out(stream.Signature(result_layout(spec.n_classes))),
                "early_exit": In(1),
                "reg_addr": In(4),
                "reg_data": Out(32),
            }
        )
