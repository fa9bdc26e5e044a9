"""Ending somebody's logins, on every device."""

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session

from accounts.models import User
from accounts.sessions import held


def end_logins(user: User) -> None:
    """Make every session of the user worthless at once: each carries a hash of the password field.

    The rows stay until `delete_sessions`, which has to open them all to find one person's.
    """
    user.set_unusable_password()
    user.save(update_fields=["password"])


def delete_sessions(user: User) -> int:
    keys = [
        session.session_key
        for session in Session.objects.order_by().iterator(chunk_size=500)
        if held(session).get(SESSION_KEY) == str(user.pk)
    ]
    return Session.objects.filter(session_key__in=keys).delete()[0]
