"""What leaks of a potential in a step, without a multiplier (`docs/contract.md`, section 4)."""

from amaranth.hdl import Const

from hwgen.network.layers.neurons import Lif


def leak(potential, neuron: Lif, bits: int):
    """What leaks of a signed potential of `bits`, as the floor: v * leak_times >> leak_shift.

    By shifts and additions of the signed digits of `leak_times`, as no product is needed.
    """
    if neuron.leak_times == 1:
        return potential >> neuron.leak_shift
    terms = [(potential << place, sign) for place, sign in signed_digits(neuron.leak_times)]
    total = sum((term for term, sign in terms if sign > 0), start=Const(0))
    for term, sign in terms:
        total = total - term if sign < 0 else total
    return (total >> neuron.leak_shift)[:bits].as_signed()


def signed_digits(number: int) -> list[tuple[int, int]]:
    """The canonical signed digits of a positive number: places, and 1 or -1, the lowest first.

    No two are neighbours, so there are as few as can be.
    """
    digits, place = [], 0
    while number:
        if number & 1:
            sign = 2 - (number & 3)  # 1 of ...01, -1 of ...11
            digits.append((place, sign))
            number -= sign
        number >>= 1
        place += 1
    return digits
