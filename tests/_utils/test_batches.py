"""Batches that are halved where memory runs out."""

import numpy as np
import pytest
import torch

from skstylefeat._utils._batches import is_out_of_memory, map_rows


def worker(limit, error, seen):
    def function(rows):
        n = rows.stop - rows.start
        seen.append(n)
        if n > limit:
            raise error
        return np.arange(rows.start, rows.stop)

    return function


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory"),
        MemoryError(),
    ],
)
def test_batch_is_halved_and_all_rows_are_done(error):
    seen, warned = [], []
    parts, size = map_rows(worker(3, error, seen), 17, 10, warned.append)
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(17))
    assert seen == [10, 5, 3, 3, 3, 3, 3, 2] and size == 3
    assert len(warned) == 2 and "A batch of 10 rows did not fit" in warned[0]
    assert "continuing with 5" in warned[0] and is_out_of_memory(error)


def test_one_row_that_does_not_fit_raises():
    seen = []
    error = torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(torch.OutOfMemoryError):
        map_rows(worker(0, error, seen), 4, warn=lambda text: None)
    assert seen == [4, 2, 1]


def test_other_errors_are_not_retried():
    seen = []
    with pytest.raises(RuntimeError, match="shape"):
        map_rows(worker(0, RuntimeError("shape mismatch"), seen), 4)
    assert seen == [4]


def test_without_rows():
    assert map_rows(worker(3, None, []), 0) == ([], 1)
