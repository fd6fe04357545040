"""A small recipe."""

from hwgen.recipe import AugmentRecipe, DataRecipe, NetworkRecipe, Recipe, SstdpRecipe


def recipe(epochs=4, **training):
    fields = {"epochs": epochs, "batch_size": 50, "learning_rate": 0.01} | training
    return Recipe(
        name="small",
        seed=3,
        data=DataRecipe(name="digits"),
        network=NetworkRecipe(n_steps=8, hidden="24", weight_bits=4),
        training=SstdpRecipe(rule="sstdp", **fields),
        augment=AugmentRecipe(shift_pixels=0.5, zoom=0.05),
    )
