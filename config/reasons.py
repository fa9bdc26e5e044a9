"""What a command says, in the place of a traceback, of what whoever called it can set right."""

import dramatiq
import psycopg
import redis
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError, ProgrammingError

from accounts.encryption import DecryptionFailed


def reason_of(error: BaseException) -> str | None:
    """One line; None where it is for us to mend: that wants the traceback."""
    said = " ".join(str(error).split())
    if isinstance(error, ImproperlyConfigured):
        return said
    if isinstance(error, DecryptionFailed):
        return f"{said} Nothing is lost: put the key back at the end of TOKEN_KEYS."
    if isinstance(error, (OperationalError, InterfaceError)):
        return f"Postgres cannot be asked, see DATABASE_URL: {said}"
    if isinstance(error, (redis.RedisError, dramatiq.errors.BrokerError)):
        return f"Redis cannot be asked, see REDIS_URL: {said}"
    if isinstance(error, ProgrammingError) and _lacks_tables(error):
        return "The database lacks tables or columns of this version. Run manage.py migrate."
    return None


def _lacks_tables(error: ProgrammingError) -> bool:
    return isinstance(error.__cause__, (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn))
