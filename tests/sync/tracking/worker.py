"""A process that does nothing but the steps of one run, and tells how much memory that took at the most.

    python -m tests.sync.tracking.worker RUN

Everything else it finds in the environment, as a worker does.
"""

import sys
from pathlib import Path

import django


def peak_megabytes() -> int:
    """Of this program alone: `getrusage` also counts the process that started it, perhaps a large one."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    raise SystemExit("This kernel does not tell a process its own peak.")


if __name__ == "__main__":
    django.setup()

    from sync.actors import sync_step
    from sync.models import SyncRun

    run = SyncRun.objects.get(pk=int(sys.argv[1]))
    steps = 0
    while run.is_active:
        sync_step.fn(run.pk, run.step)
        run.refresh_from_db()
        steps += 1
    sys.stdout.write(f"{run.state} {steps} {peak_megabytes()}\n")
