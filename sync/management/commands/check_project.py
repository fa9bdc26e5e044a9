import os
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from openhumans_client import OpenHumansError, Unauthorized
from sync.operators import project_settings
from sync.operators.project_settings import NobodyToAskWith, Point

TOKEN_VARIABLE = "OPENHUMANS_TOKEN"  # noqa: S105 - the name of a variable
NOT_ASKED_EXIT_CODE = 2


class Command(BaseCommand):
    help = (
        "Compare the project at Open Humans with the settings, and print what is to be entered there and at "
        "GitHub by hand. Asks with the token of any member, or with the one in the environment variable "
        f"{TOKEN_VARIABLE}. Changes nothing. Exit codes: 0 right, 1 something is wrong, 2 could not be asked."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        # What is to be entered can be told without asking, and is needed most before anybody can be asked.
        by_hand = [*project_settings.to_enter_at_openhumans()]
        at_github, ours = [*project_settings.to_enter_at_github()], [*project_settings.settings_of_ours()]
        self._tell("To enter at Open Humans, in the project's settings:", by_hand)
        self._tell("To enter at GitHub, in the OAuth App's settings:", at_github)
        self._tell("Here:", ours)
        project = self._fetch()
        found = list(project_settings.compare(project))
        self._tell(f"The project {project['id_label']} at Open Humans says:", found)
        wrong = sum(point.is_wrong for point in (*by_hand, *at_github, *ours, *found))
        if wrong:
            raise CommandError(f"{wrong} wrong, see above.")
        self.stdout.write("Nothing is wrong that can be seen from here.")

    def _fetch(self) -> dict[str, Any]:
        try:
            return project_settings.fetch_project(os.environ.get(TOKEN_VARIABLE, "").strip() or None)
        except NobodyToAskWith:
            text = f"No member's token works. Put one into the environment variable {TOKEN_VARIABLE}."
        except Unauthorized:
            text = f"Open Humans does not accept the token in {TOKEN_VARIABLE}."
        except ValueError:
            text = f"What {TOKEN_VARIABLE} holds is not a token."
        except OpenHumansError as error:
            text = f"Open Humans could not be asked: {error}"
        raise CommandError(text, returncode=NOT_ASKED_EXIT_CODE)

    def _tell(self, title: str, points: Iterable[Point]) -> None:
        self.stdout.write(title)
        for point in points:
            self.stdout.write(f"  {'WRONG: ' if point.is_wrong else ''}{point.text}")
