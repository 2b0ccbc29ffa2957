"""Is everything here as it should be? Findings on the machine, the build, the places, a model.

`environment` and `build` look at what computes, `places` at what is kept where, `speed` measures
the build, and `selftest` holds a model to what is promised of the arithmetic.
"""

from __future__ import annotations

from ggufeval.doctor.finding import Finding, Status

__all__ = ["Finding", "Status"]
