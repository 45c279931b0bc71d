"""Hypothesis without deadlines: no time is asserted, and a busy machine fails no test."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("notebook_doc", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("notebook_doc")
