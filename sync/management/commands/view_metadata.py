import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

import openhumans_client as openhumans
from sync import credentials
from sync.errors import OpenHumansAccessLost
from sync.management.acting import ActingCommand
from sync.models import Subscription
from sync.operators import operating


class Command(ActingCommand):
    help = (
        "List one member's files of our own project on Open Humans with their metadata, as JSON lines; never "
        "a download link, never files of other projects."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_member(parser)
        super().add_arguments(parser)

    def handle(
        self, *_args: Any, member: str, reason: str, operator: str, dry_run: bool, **_options: Any
    ) -> None:
        subscription = operating.find_member(member)
        if dry_run:
            self.stdout.write(f"Would list the files of {subscription}.")
            return
        operating.note(operating.Kind.VIEW, subscription, operator, reason)
        try:
            files = own_files(subscription)
        except (OpenHumansAccessLost, openhumans.OpenHumansError) as error:
            raise CommandError(f"Open Humans: {error}") from None
        for file in files:
            self.stdout.write(json.dumps(shown(file), sort_keys=True))


def own_files(subscription: Subscription) -> list[openhumans.File]:
    client = credentials.openhumans_client(subscription.user)
    label = client.fetch_project().id_label
    return [file for file in client.list_files() if file.source == label]


def shown(file: openhumans.File) -> dict[str, Any]:
    return {
        "id": file.id,
        "name": file.basename,
        "created_at": file.created_at.isoformat(),
        "metadata": dict(file.metadata),
    }
