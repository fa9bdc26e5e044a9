"""A member's privacy zones in the database: one encrypted column, and nowhere else."""

import base64
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import F, QuerySet

from accounts.encryption import decrypt, encrypt
from sync.models import Subscription, TrackSettings, YearFile
from sync.tracks.zones import SECRET_BYTES, Zone


@dataclass(frozen=True, slots=True)
class NamedZone:
    """A zone with the name its member gave it; `key` tells zones apart without telling where they lie."""

    key: str
    name: str
    zone: Zone

    def __repr__(self) -> str:
        return "<NamedZone>"


@dataclass(frozen=True, slots=True)
class Zones:
    """All zones at one moment. Each change makes a new version; 0 is that of having none."""

    version: int
    named: tuple[NamedZone, ...] = ()

    @property
    def places(self) -> list[Zone]:
        return [named.zone for named in self.named]


def make(name: str, longitude: float, latitude: float, radius_m: float) -> NamedZone:
    """A new zone with a secret of its own. Raise `ValueError` for a place or radius that cannot be one."""
    zone = Zone(longitude, latitude, radius_m, secrets.token_bytes(SECRET_BYTES))
    return NamedZone(secrets.token_hex(8), name, zone)


def load(subscription: Subscription) -> Zones:
    settings = TrackSettings.objects.filter(subscription=subscription).first()
    if settings is None:
        return Zones(0)
    return Zones(settings.zones_version, _unpack(settings))


def store(settings: TrackSettings, named: Sequence[NamedZone]) -> None:
    """A new version of the zones. The caller holds the row locked, and saves nothing more of them."""
    content = json.dumps([_written(zone) for zone in named]).encode()
    settings.encrypted_zones = encrypt(content, TrackSettings.place(settings.subscription_id))
    settings.zones_version += 1
    settings.save(update_fields=["encrypted_zones", "zones_version"])


def outdated(subscription: Subscription) -> QuerySet[YearFile]:
    """Tracks files on Open Humans that were written with other zones than those of this moment."""
    version = TrackSettings.objects.filter(subscription=subscription).values("zones_version")[:1]
    files = subscription.year_files.filter(kind__in=YearFile.TRACK_KINDS, removed_by_member_at=None)
    return files.exclude(current_id=None).filter(zones_version__lt=version)


def unconfirmed(subscription: Subscription) -> QuerySet[TrackSettings]:
    settings = TrackSettings.objects.filter(subscription=subscription)
    return settings.exclude(confirmed_version=F("zones_version"))


def _unpack(settings: TrackSettings) -> tuple[NamedZone, ...]:
    if settings.encrypted_zones is None:
        return ()
    content = decrypt(settings.encrypted_zones, TrackSettings.place(settings.subscription_id))
    return tuple(
        NamedZone(
            known["key"],
            known["name"],
            Zone(
                known["longitude"],
                known["latitude"],
                known["radius_m"],
                base64.b64decode(known["secret"]),
            ),
        )
        for known in json.loads(content)
    )


def _written(named: NamedZone) -> dict[str, object]:
    zone = named.zone
    return {
        "key": named.key,
        "name": named.name,
        "longitude": zone.longitude,
        "latitude": zone.latitude,
        "radius_m": zone.radius_m,
        "secret": base64.b64encode(zone.secret).decode(),
    }
