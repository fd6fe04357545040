"""Structures that Python and the compiled bench share; their twin is `sim/cxxrtl/job.h`."""

import ctypes
from ctypes import c_double, c_int64, c_uint64, c_void_p
from typing import Any


def _fields(kind: Any, names: str) -> list[tuple[str, Any]]:
    return [(name, kind) for name in names.split()]


class LayerJob(ctypes.Structure):
    """As in sim/cxxrtl/job.h."""

    _fields_ = [
        *_fields(c_int64, "height width channels n_sharing lanes potential_bits lane_bits"),
        *_fields(c_void_p, "times potentials step_cycles"),
        ("n_shadows", c_int64),
        *_fields(c_void_p, "shadows given"),
    ]


OnShadows = ctypes.CFUNCTYPE(c_int64, c_int64)


class FaultRecord(ctypes.Structure):
    """As in sim/cxxrtl/job.h."""

    _fields_ = _fields(c_int64, "kind sample layer step index expected got cycle")


class SessionJob(ctypes.Structure):
    """As in sim/cxxrtl/job.h."""

    _fields_ = [
        *_fields(c_int64, "n n_inputs n_steps label_bits"),
        ("inputs", c_void_p),
        *_fields(c_int64, "multi_spike early_exit quiet_cycles"),
        ("stall", c_double),
        ("stall_burst", c_int64),
        ("seed", c_uint64),
        ("core", c_void_p),
        ("n_cuts", c_int64),
        *_fields(c_void_p, "cuts moments"),
        ("n_cut", c_int64),
        ("n_layers", c_int64),
        ("layers", ctypes.POINTER(LayerJob)),
        ("lessons", c_void_p),
        *_fields(c_int64, "every reads_first shadow_bits"),
        ("on_shadows", OnShadows),
        ("n_registers", c_int64),
        *_fields(c_void_p, "registers least greatest"),
        *_fields(c_void_p, "labels steps by_spike started decided ended resumed"),
        *_fields(c_uint64, "n_cycles busy_cycles n_dropped n_idle"),
        ("n_faults", c_int64),
        ("fault", FaultRecord),
    ]
