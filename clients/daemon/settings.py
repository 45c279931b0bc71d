"""What a user has set for all notebooks: typed, with defaults, and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting. `docs/operations.md` says what each does."""

    environment_manager: Literal["uv", "conda"] = "uv"
    pool_size: int = 0  # prewarmed environments that wait for notebooks which declare nothing; 0: none are used
    pool_packages: tuple[str, ...] = ()  # what is in them beside what a kernel needs
    keep_environments_days: int = 30
