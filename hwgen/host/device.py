"""A board with a core on it, as Python sees it: samples in; decisions and weights out."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import LinkError
from hwgen.host.line import Line
from hwgen.host.transport import Transport
from hwgen.network.layers.dense import DenseSpec
from hwgen.network.learning import NO_LABEL
from hwgen.network.learning_unit import with_learned_weights
from hwgen.network.params import Params
from hwgen.progress import SILENT, Part, Reporter
from hwgen.protocol import words as protocol_words
from hwgen.protocol.memory import lanes_sum, loaded_words, n_blocks, packed, unpacked
from hwgen.protocol.tokens import sample_tokens
from hwgen.protocol.words import BY_SPIKE_BIT, SESSIONS, STEP_BITS, Register

_TAIL_POLLS = 1000  # questions for SAMPLES, until the last sample has left the core
_BATCH = 64  # samples that are sent before answers must have come


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """What the core has said of n samples, arrays [n]."""

    decisions: NDArray[np.int64]  # labels
    steps: NDArray[np.int64]  # of the deciding spike; the number of steps if there was none
    by_spike: NDArray[np.bool_]


class Device:
    """A core that was built from `params`. Raises `LinkError` if another one answers.

    Use it as a context manager: it closes the transport in the end. Whatever the line loses or
    damages is sent again.
    """

    def __init__(
        self,
        transport: Transport,
        params: Params,
        *,
        lanes: Sequence[int] | None = None,
        session: int | None = None,
    ) -> None:
        """lanes: as the core was built with; needed for weights that it is given or asked for.
        session: 1 to 63, by default a random one."""
        self._params, self._lanes = params, lanes
        session = random.choice(SESSIONS) if session is None else session
        try:
            self.line = Line(transport, session=session)
            self._check()
        except BaseException:
            transport.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the line and its transport."""
        self.line.close()

    def _check(self) -> None:
        """That this core speaks as we do, and is that of the params."""
        found = self.registers(Register.VERSION, Register.ID0, Register.ID1)
        self._unloaded = 0
        version = found[Register.VERSION]
        if version != protocol_words.VERSION:
            raise LinkError(
                f"the core speaks version {version} of the protocol, expected "
                f"{protocol_words.VERSION}; "
                "build it with this hwgen"
            )
        digest = f"{found[Register.ID0]:08x}{found[Register.ID1]:08x}"
        if digest != self._params.digest[:16]:
            raise LinkError(
                f"the core is that of params {digest}, expected {self._params.digest[:16]} "
                f"({self._params.name}); load the bitstream of this model"
            )
        self._look()

    def _look(self) -> None:
        """What the core says of weights in SPRAM."""
        high, self._unloaded = self.line.exchange(
            [protocol_words.register_request(protocol_words.UNLOADED)], 2
        )
        self._lanes_sum = high

    @property
    def unloaded(self) -> tuple[int, ...]:
        """Layers that wait for their weights: of a core that has them in SPRAM, after power-on."""
        layers = range(len(self._params.spec.layers))
        return tuple(n for n in layers if self._unloaded >> n & 1)

    def load(self) -> tuple[int, ...]:
        """Give weights to all layers that wait for theirs; which ones. Until then `run` refuses.

        Raises ValueError without lanes, `LinkError` if the core has others.
        """
        waiting = self.unloaded
        for index in waiting:
            if self._lanes is None:
                raise ValueError("the order of weights depends on the lanes: give them")
            if lanes_sum(self._lanes) != self._lanes_sum:
                raise LinkError(
                    f"the core has other lanes than {','.join(map(str, self._lanes))}; "
                    "give --lanes as it was built with"
                )
            layer = self._params.spec.dense(index)
            words = [protocol_words.shadows_request(index, write=True)]
            words += loaded_words(self._params.weights[index], layer, self._lanes[index])
            self.line.exchange(words, 0)
        if waiting:
            self._look()
            self._check_loaded()
        return waiting

    def _check_loaded(self) -> None:
        if self.unloaded:
            which = ", ".join(map(str, self.unloaded))
            raise LinkError(
                f"{self._params.name}: the weights of layer {which} are not loaded; call load()"
            )

    def registers(self, *which: Register) -> dict[Register, int]:
        """Values of registers, of all if none is named. Counters are since the session began.

        32 bits each. Raises `LinkError`.
        """
        which = which or tuple(Register)
        words = [protocol_words.register_request(register) for register in which]
        got = self.line.exchange(words, 2 * len(words))
        values = [high << 16 | low for high, low in zip(got[::2], got[1::2], strict=True)]
        return dict(zip(which, values, strict=True))

    def run(
        self,
        inputs: NDArray[np.uint8],
        labels: NDArray[np.integer] | None = None,
        *,
        reporter: Reporter = SILENT,
    ) -> Predictions:
        """Spike times uint8 [n, n_inputs], or rasters uint8 0/1 [n, n_input_steps, n_inputs] ->
        answers; see `hwgen.data.inputs` for images and recordings.

        A core that learns trains on each sample with a label in `labels` [n];
        `NO_LABEL`: none. `reporter` hears how many were answered.

        Answers come in the order of the samples. Raises ValueError on another shape, `LinkError` if
        the line fails or weights are not loaded.
        """
        spec = self._params.spec
        wanted = (*([spec.n_input_steps] if spec.has_raster else []), spec.input.n_inputs)
        if inputs.shape[1:] != wanted:
            sizes = ", ".join(map(str, wanted))
            raise ValueError(f"inputs must be [n, {sizes}], not {list(inputs.shape)}")
        self._check_loaded()
        if labels is not None:
            self._check_learns()
        got: list[int] = []
        for start in range(0, len(inputs), _BATCH):
            words = []
            for index, times in enumerate(inputs[start : start + _BATCH], start):
                label = NO_LABEL if labels is None else int(labels[index])
                tokens = sample_tokens(times, spec.n_input_steps, label=label)
                words += [protocol_words.token_word(token) for token in tokens]
            n = min(_BATCH, len(inputs) - start)
            got += self.line.exchange(words, n, Part(reporter, start, len(inputs)))
        answers = np.array(got, np.int64)
        return Predictions(
            decisions=answers >> STEP_BITS & (1 << BY_SPIKE_BIT - STEP_BITS) - 1,
            steps=answers & (1 << STEP_BITS) - 1,
            by_spike=answers >> BY_SPIKE_BIT == 1,
        )

    def counters(self, n_samples: int) -> dict[Register, int]:
        """Registers, once SAMPLES has reached `n_samples`: an answer comes before its sample has
        left the core.

        Raises `LinkError` if SAMPLES does not get there.
        """
        for _ in range(_TAIL_POLLS):
            if self.registers(Register.SAMPLES)[Register.SAMPLES] == n_samples:
                return self.registers()
        raise LinkError(f"register SAMPLES does not reach {n_samples}; was the board used before?")

    def shadows(self, layer: int, *, reporter: Reporter = SILENT) -> NDArray[np.int64]:
        """Shadow weights [n_pre, n_post] of a layer that learns.

        layer: its number. reporter: told how many words have come. Returns int64. Raises ValueError
        of a layer that does not learn, or without lanes.
        """
        spec, lanes = self._learning_layer(layer)
        n = n_blocks(spec.n_post, lanes) * spec.n_pre * lanes
        got = self.line.exchange([protocol_words.shadows_request(layer)], n, reporter)
        return unpacked(np.array(got, np.uint16).view(np.int16), spec, lanes)

    def fill(self, layer: int, shadows: NDArray[np.integer]) -> None:
        """Give shadow weights [n_pre, n_post] to a layer of a core that has them in SPRAM.

        shadows: int, within `shadow_bits`. Raises as `shadows` does.
        """
        spec, lanes = self._learning_layer(layer)
        words = [protocol_words.shadows_request(layer, write=True)]
        words += protocol_words.shadow_words(packed(shadows, spec, lanes).tolist())
        self.line.exchange(words, 0)

    def read_weights(self, *, reporter: Reporter = SILENT) -> Params:
        """Params with the weights that the core has now, and the digest of its own as parent.

        The digest of what is returned is that of the new weights.
        """
        self._check_learns()
        layers = self._params.spec.learning_layers
        return with_learned_weights(
            self._params, {n: self.shadows(n, reporter=reporter) for n in layers}
        )

    def _check_learns(self) -> None:
        if self._params.spec.learning is None:
            raise LinkError(f"{self._params.name}: this core has no learning unit")

    def _learning_layer(self, layer: int) -> tuple[DenseSpec, int]:
        self._check_learns()
        if layer not in self._params.spec.learning_layers:
            raise ValueError(f"layer {layer} does not learn")
        if self._lanes is None:
            raise ValueError("the order of shadow weights depends on the lanes: give them")
        spec = self._params.spec.dense(layer)
        return spec, self._lanes[layer]
