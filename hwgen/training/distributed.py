"""Training by several processes, as `torchrun` starts them: each takes a share of every batch."""

import os

import torch
import torch.distributed as dist
from torch import Tensor


def join(device: str) -> str:
    """Join the group that torchrun's environment names, if any; returns this process's device.

    device: "cpu" or "cuda". With CUDA each process takes the GPU of its local rank.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return device
    if device == "cuda":
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(device)
    if not dist.is_initialized():
        dist.init_process_group("gloo" if device == "cpu" else "nccl")
    return device


def leave() -> None:
    """End the group."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def rank() -> int:
    """The number of this process in its group, 0 if there is none."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def world() -> int:
    """How many processes the group has, 1 if there is none."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def will_be_first() -> bool:
    """Of this process, before `join`: whether it is the one that writes."""
    return os.environ.get("RANK", "0") == "0"


def is_first() -> bool:
    """Whether this is the process that writes files and talks."""
    return rank() == 0


def share(samples: Tensor) -> Tensor:
    """This process's part of a batch, [n, ...].

    Each process takes every `world()`-th sample, so shares differ by one at most.
    """
    return samples[rank() :: world()]


def summed(tensor: Tensor) -> Tensor:
    """The sum over all processes, in all of them; the same tensor.

    tensor: changed in place, and returned.
    """
    if world() > 1:
        dist.all_reduce(tensor)
    return tensor
