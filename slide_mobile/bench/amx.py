"""Intel's AMX: whether a process has it, and how it does without.

Measurements here are made without instructions that phones have nothing like. AMX multiplies int8
matrices many times faster than fp32 ones, and XNNPACK in LiteRT uses it. The dot products of a
phone's Arm core (SDOT) are four times faster than its fp32 arithmetic, and so are those of AVX-512
(VNNI). With AMX, everything but int8 products would look slow.
"""

import ctypes

from slide_mobile.bench import host

# linux/prctl.h, linux/seccomp.h, linux/bpf_common.h, asm/prctl.h and the system calls of x86-64.
_SET_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _DENY = 0x7FFF0000, 0x00050001  # with EPERM
_ARCH_PRCTL, _REQUEST_PERMISSION, _AMX = 158, 0x1023, 18
_CALL, _FIRST_ARGUMENT = 0, 16  # bytes into struct seccomp_data


class _Instruction(ctypes.Structure):
    """struct sock_filter of linux/filter.h."""

    _fields_ = (
        ("code", ctypes.c_ushort),
        ("if_true", ctypes.c_ubyte),
        ("if_false", ctypes.c_ubyte),
        ("operand", ctypes.c_uint),
    )


class _Program(ctypes.Structure):
    """struct sock_fprog of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("start", ctypes.POINTER(_Instruction)))


def available() -> bool:
    """Whether XNNPACK may use AMX in this process; asks Linux for it as XNNPACK does."""
    return _supports_amx() and bool(
        ctypes.CDLL(None).syscall(_ARCH_PRCTL, _REQUEST_PERMISSION, _AMX) == 0
    )


def renounce() -> None:
    """Deny AMX to this process and its children; call it before any of them has asked for it.

    XNNPACK asks Linux for AMX when it first looks at the processor, and does without it if Linux
    says no: a seccomp filter denies that one request. Raises OSError where it cannot be set.
    """
    if not _supports_amx():
        return
    steps = (
        _Instruction(_LOAD, 0, 0, _CALL),
        _Instruction(_JUMP_IF_EQUAL, 0, 3, _ARCH_PRCTL),
        _Instruction(_LOAD, 0, 0, _FIRST_ARGUMENT),
        _Instruction(_JUMP_IF_EQUAL, 0, 1, _REQUEST_PERMISSION),
        _Instruction(_RETURN, 0, 0, _DENY),
        _Instruction(_RETURN, 0, 0, _ALLOW),
    )
    program = _Program(len(steps), (_Instruction * len(steps))(*steps))
    libc = ctypes.CDLL(None, use_errno=True)
    if (
        libc.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0
        or libc.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0) != 0
    ):
        raise OSError(ctypes.get_errno(), "cannot disable AMX for this process")


def _supports_amx() -> bool:
    """Whether the processor multiplies int8 matrices in AMX."""
    return any("amx_int8" in flags.split() for flags in host.cpuinfo("flags"))
