"""A network, and how it is to be built: what travels from a board's limits to the last test."""

from dataclasses import dataclass, replace
from typing import Literal

from hwgen.network.params import Params

Architecture = Literal["pipelined"]  # a component a layer, all at work side by side


@dataclass(frozen=True)
class Design:
    """A core to be made. Designs of the same `params` give the same bits, whatever else they say.

    `lanes`: neurons, or filters, updated at once, one number a layer; 1 of a pooling layer.
    `loaded_layers`: dense layers whose weights lie in the large memories of an iCE40UP5K, which a
    host fills; of a core that learns, none, or all that learn. `learning_unit`: None, if the
    params say how to learn; False, of params that can learn, makes a core that does not.
    `hwgen.estimate.design` chooses all of it for a board.

    Raises ValueError if lanes or layers are not those of the network.
    """

    params: Params
    lanes: tuple[int, ...]
    loaded_layers: tuple[int, ...] = ()
    learning_unit: bool | None = None
    architecture: Architecture = "pipelined"

    def __post_init__(self) -> None:
        spec, loaded = self.params.spec, tuple(sorted(self.loaded_layers))
        object.__setattr__(self, "lanes", tuple(self.lanes))
        object.__setattr__(self, "loaded_layers", loaded)
        if len(self.lanes) != len(spec.layers):
            raise ValueError(
                f"lanes must have {len(spec.layers)} numbers, not {list(self.lanes)!r}"
            )
        if self.learning_unit and not spec.learning:
            raise ValueError("a learning unit needs params with spec.learning")
        legal = tuple(self.learning_layers) if self.learns else self.params.spec.dense_layers
        if not set(loaded) <= set(legal) or (self.learns and loaded not in ((), legal)):
            raise ValueError(
                f"layers {list(loaded)!r} in SPRAM, but dense ones are {list(legal)!r}"
            )

    @property
    def learns(self) -> bool:
        """Whether the core has a learning unit."""
        if self.learning_unit is None:
            return bool(self.params.spec.learning)
        return self.learning_unit

    @property
    def learning_layers(self) -> range:
        """Layers whose weights this core changes."""
        return self.params.spec.learning_layers if self.learns else range(0)

    @property
    def is_filled(self) -> bool:
        """Whether a host must load weights before the first sample."""
        return bool(self.loaded_layers)

    def in_memory_blocks(self) -> "Design":
        """The same, but with no weights that a host must load: they are there from the start."""
        return replace(self, loaded_layers=())

    def on_bus(self) -> "Design":
        """The same behind a bus, where only weights that learn can be in SPRAM."""
        return self if self.learns else self.in_memory_blocks()

    def all_loaded(self) -> "Design":
        """The same, with all weights loaded that can be.

        Where weights lie in SPRAM whatever the board: for tests and benches.
        """
        layers = tuple(self.learning_layers) if self.learns else self.params.spec.dense_layers
        return replace(self, loaded_layers=layers)
