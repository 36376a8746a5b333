"""Runs: postings sorted by a key, with sums at every so many of them. Pure."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.api.engine.columns import Ints

Integers = NDArray[np.signedinteger[Any]]

_STRIDE: Final = 512


class Run:
    """Postings sorted by a key, with the sums by channel before every `stride`-th of them."""

    __slots__ = ("channels", "keys", "size", "stride", "sums", "weights")

    def __init__(self, keys: Ints, channels: Integers, weights: Integers, width: int) -> None:
        # Stable: it is a merge where the keys are a few sorted stretches, which they are.
        order = np.argsort(keys, kind="stable")
        self.keys = keys[order]
        self.channels = _narrow(channels[order])
        self.weights = _narrow(weights[order])
        self.size = len(keys)
        # With many cells a row of sums is long; then there are fewer of them.
        self.stride = max(_STRIDE, 1 << (width - 1).bit_length())
        rows = self.size // self.stride + 1
        steps = np.zeros(rows * width, np.int64)
        counted = rows * self.stride - self.stride
        block = np.arange(counted) // self.stride + 1
        # Both of the sums' own type: of any other, `add.at` is forty times slower.
        np.add.at(steps, block * width + self.channels[:counted], self.weights[:counted].astype(np.int64))
        self.sums = _narrow(np.cumsum(steps.reshape(rows, width), axis=0))

    def add_to(self, sums: Ints, key: int, rest: "Rest") -> None:
        """Adds what is keyed at or before `key`: the row of sums at once, the postings after it to `rest`."""
        end = int(self.keys.searchsorted(key, "right"))
        row = end // self.stride
        known = self.sums[row]
        if len(known) == len(sums):
            sums += known
        else:
            sums[: len(known)] += known
        begin = row * self.stride
        if begin < end:
            rest.take(self.channels[begin:end], self.weights[begin:end])

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.keys.nbytes + self.channels.nbytes + self.weights.nbytes + self.sums.nbytes


def merged(parts: list[Run], width: int) -> Run:
    """The postings of several runs, which follow each other, as one."""
    return Run(
        np.concatenate([part.keys for part in parts]),
        np.concatenate([part.channels for part in parts]),
        np.concatenate([part.weights for part in parts]),
        width,
    )


def _narrow(values: Integers) -> Integers:
    """The values in as few bytes as hold them all: what is small is also faster to reach."""
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    kind = np.promote_types(np.min_scalar_type(low), np.min_scalar_type(-1 - high))
    return values.astype(kind)


class Rest:
    """Stretches of postings that are added one by one, at the end and together."""

    __slots__ = ("_channels", "_weights")

    def __init__(self) -> None:
        self._channels: list[Integers] = []
        self._weights: list[Integers] = []

    def take(self, channels: Integers, weights: Integers) -> None:
        """Adds a stretch."""
        self._channels.append(channels)
        self._weights.append(weights)

    def add_to(self, sums: Ints) -> None:
        """Adds every posting to the sums, exactly."""
        if self._channels:
            channels = np.concatenate(self._channels, dtype=np.intp)
            np.add.at(sums, channels, np.concatenate(self._weights, dtype=np.int64))
