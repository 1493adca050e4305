"""How hypothesis goes about it. By default every run tries the same examples; a soak tries new ones each time.

A failure prints the example, and `@reproduce_failure` with what brings it back.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.soak import SOAK

pytest_plugins = ["tests.servers.fixtures"]

COMMON = {"deadline": None, "database": None, "print_blob": True, "suppress_health_check": list(HealthCheck)}
settings.register_profile("ci", settings(**COMMON, derandomize=True))
settings.register_profile("soak", settings(**COMMON))
settings.load_profile("soak" if SOAK else "ci")
