"""What stands in a bundle, and when its version has to grow."""

from __future__ import annotations

import hashlib
from dataclasses import fields

from ggufeval.bundle import contents
from ggufeval.types import BuildInfo, EngineSettings, Fingerprint, ModelInfo, Run

TRAVELLING = (
    contents.Manifest,
    contents.Member,
    contents.Environment,
    contents.Origin,
    contents.Score,
    contents.BundledRun,
    contents.BundledQuestion,
    contents.BundledBatch,
    contents.BundledRecord,
    Run,
    ModelInfo,
    Fingerprint,
    EngineSettings,
    BuildInfo,
)


def test_other_fields_are_another_version():
    """A reader refuses fields that it does not know: one of an older version must be told that the
    bundle is newer, and not that it was tampered with. So where this fails, let
    `contents.VERSION` grow, and write the new hash here. A field without a default must not come
    at all, since then older bundles could not be read."""
    named = [f"{kind.__name__}.{field.name}" for kind in TRAVELLING for field in fields(kind)]
    digest = hashlib.sha256("\n".join(named).encode()).hexdigest()
    assert (contents.VERSION, digest[:16]) == (3, "5891c1b452b5ebc1")
