"""Who waits for whom in Postgres, for tests of what happens at once."""

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper


def waits_for(holder: BaseDatabaseWrapper) -> bool:
    """Whether somebody waits for a lock that this connection holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select exists(select from pg_locks where not granted and %s = any(pg_blocking_pids(pid)))",
            [holder.connection.info.backend_pid],
        )
        return bool(cursor.fetchone()[0])
