import errno

import pytest

from napari_sti.core.errors import InputError, OutOfMemory
from napari_sti.core.memory import is_out_of_memory
from napari_sti.jobs.sentences import exit_sentence, sentence_for


class OutOfMemoryError(RuntimeError):
    """As torch has it."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OutOfMemory("this needs 3 GB"),
        OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("MPS backend out of memory"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
)
def test_memory_is_recognised_however_it_is_said(error):
    assert is_out_of_memory(error)
    assert "needs" in sentence_for(error) or "Memory ran out" in sentence_for(error)


def test_other_errors():
    assert not is_out_of_memory(RuntimeError("shapes differ"))
    assert sentence_for(InputError("the mask is empty", mend="give another")) == "the mask is empty; give another."
    assert "disk is full" in sentence_for(OSError(errno.ENOSPC, "No space left on device"))
    assert "/x cannot be written" in sentence_for(PermissionError(errno.EACCES, "Permission denied", "/x"))
    sentence = sentence_for(RuntimeError("size of a\nmust match"))
    assert sentence.startswith("The run stopped with an unexpected error (RuntimeError: size of a must match)")
    assert "\n" not in sentence


def test_how_a_process_ended():
    assert "killed (signal 9), most likely because memory ran out" in exit_sentence(-9)
    assert "SIGSEGV" in exit_sentence(-11)
    assert "from outside" in exit_sentence(-15)
    assert "status 7" in exit_sentence(7)
    assert "could not start (No module named x)" in exit_sentence(1, ready=False, last_line="No module named x")
