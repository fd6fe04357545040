"""Training by several processes, as `torchrun` starts them: each takes a share of every batch."""

import os

import torch
import torch.distributed as dist
from torch import Tensor


def join() -> bool:
    """Join the group that torchrun's environment names; False if this process is alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return False
    if not dist.is_initialized():
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return True


def leave() -> None:
    """Wait for the others, and end the group."""
    if dist.is_available() and dist.is_initialized():
        dist.barrier()
        dist.destroy_process_group()


def rank() -> int:
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def world() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def is_first() -> bool:
    """Whether this is the process that writes files and talks."""
    return rank() == 0


def share(samples: Tensor) -> Tensor:
    """This process's part of a batch, [n, ...]."""
    return samples[rank() :: world()]


def summed(tensor: Tensor) -> Tensor:
    """The sum over all processes, in all of them; the same tensor."""
    if world() > 1:
        dist.all_reduce(tensor)
    return tensor


def local_rank() -> int:
    """Which device of this machine."""
    return int(os.environ.get("LOCAL_RANK", "0"))
