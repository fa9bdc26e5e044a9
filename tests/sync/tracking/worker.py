"""A process that does nothing but the steps of one run, and tells how much memory that took at the most.

    python -m tests.sync.tracking.worker RUN

Everything else it finds in the environment, as a worker does.
"""

import resource
import sys

import django

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
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sys.stdout.write(f"{run.state} {steps} {kilobytes // 1024}\n")
