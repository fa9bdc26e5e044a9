"""What the generator has made so far, shared by its parts."""

import random
from dataclasses import dataclass, field

from sandbox.github.catalogue import Catalogue
from sandbox.github.generated_history import GeneratedHistory
from sandbox.github.generated_size import Size
from sandbox.github.hosted import Account, Repository
from sandbox.github.items import Activity


@dataclass
class Made:
    catalogue: Catalogue
    size: Size
    chance: random.Random
    activities: dict[int, Activity] = field(default_factory=dict)
    """By repository id."""
    loose: Activity = field(default_factory=Activity)
    """What stands in no repository."""
    repositories: list[Repository] = field(default_factory=list)
    """Those with commits of the member, the largest first."""
    histories: dict[int, GeneratedHistory] = field(default_factory=dict)
    """By repository id."""
    others: list[Account] = field(default_factory=list)
