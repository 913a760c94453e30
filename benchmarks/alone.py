"""Time as on a machine that has nothing else to do."""

import os


def take_the_cores() -> None:
    """Let all other programs wait while this one computes (Linux, as root); for some seconds at a time.

    Threads that are started later inherit it. Without it, where programs share the cores, every time is a mixture of
    one's own work and theirs, and two threads lose more than one.
    """
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
