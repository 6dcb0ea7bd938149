"""What compiled loops ask of the processor and numpy has no word for: bits of floats, a·b + c, memory ahead of use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

CACHE_LINE = 16
"""float32 values."""
PREFETCH = "llvm.prefetch.p0"
READ, SECOND_LEVEL, DATA = 0, 2, 1
"""Of LLVM's ``prefetch``: for reading; into the second-level cache; data, and no instructions."""


def _bits_of(typing: Any, x: Any) -> Any:
    """The bits of a float32 as an int32."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], context.get_value_type(types.int32))

    return types.int32(types.float32), generate


def _float_of(typing: Any, bits: Any) -> Any:
    """The float32 that has these bits."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], context.get_value_type(types.float32))

    return types.float32(types.int32), generate


def _fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """The float32 nearest to a·b + c: on every processor, as what the compiler chooses to fuse is not."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fma(*args)

    return types.float32(types.float32, types.float32, types.float32), generate


def _prefetch(typing: Any, values: Any, i: Any) -> Any:
    """Ask for the cache line of ``values[i]`` and go on; a place that is no memory is asked for in vain, no error."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, args[0])
        anywhere, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        place = builder.bitcast(builder.gep(array.data, [args[1]]), anywhere)
        function = ir.FunctionType(ir.VoidType(), [anywhere, number, number, number])
        module = builder.module
        fetch = module.globals.get(PREFETCH) or ir.Function(module, function, PREFETCH)
        builder.call(fetch, [place, *(ir.Constant(number, n) for n in (READ, SECOND_LEVEL, DATA))])
        return context.get_dummy_value()

    return types.void(values, types.intp), generate


bits_of = cast("Callable[[np.float32], np.int32]", intrinsic(_bits_of))
float_of = cast("Callable[[np.int32], np.float32]", intrinsic(_float_of))
fma = cast("Callable[[np.float32, np.float32, np.float32], np.float32]", intrinsic(_fma))
prefetch = cast("Callable[[NDArray[np.float32], int], None]", intrinsic(_prefetch))


@njit(cache=True, nogil=True, error_model="numpy")
def ahead(row: NDArray[np.float32], distance: int) -> None:
    """Ask for what lies so many values beyond a row.

    A processor foresees that memory is read on and on, and not that a run of one date is followed by one of another.
    """
    for i in range(0, row.shape[0], CACHE_LINE):
        prefetch(row, i + distance)
