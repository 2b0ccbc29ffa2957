from __future__ import annotations

import pytest

from ggufeval.cli import _progress
from ggufeval.doctor import environment, processor


def said(variables):
    found = [f for f in environment.findings("1.2", variables) if "variable" in f.facts]
    return {finding.facts["variable"]: finding for finding in found}


def test_what_stands_under_everything(monkeypatch):
    monkeypatch.setattr(processor, "cores_allowed", lambda: None)
    monkeypatch.setattr(processor, "busy_cores", lambda: 0.1)
    findings = list(environment.findings("1.2", {}))
    assert findings[0].text.startswith("ggufeval 1.2, Python 3.")
    assert [finding.status for finding in findings] == 5 * ["ok"]
    facts = {name: value for finding in findings for name, value in finding.facts.items()}
    assert 1 <= facts["cores"] <= facts["logical_cores"]
    assert 0 < facts["available_bytes"] <= facts["total_bytes"]
    assert facts["busy_cores"] == 0.1


def test_a_container_with_less_time_than_cores(monkeypatch):
    monkeypatch.setattr(processor, "cores_allowed", lambda: 1.5)
    monkeypatch.setattr(environment, "physical_cores", lambda: 8)
    (wrong,) = [finding for finding in environment.findings("1.2", {}) if finding.is_wrong]
    assert (
        "8 physical cores to use, but the container (cgroup) leaves 1.5 cores' time" in wrong.text
    )
    assert wrong.text.endswith("Use -t 1.")
    monkeypatch.setattr(processor, "cores_allowed", lambda: 8.0)
    assert not any(finding.is_wrong for finding in environment.findings("1.2", {}))


@pytest.mark.parametrize(("n", "status", "lines"), [(0.2, "ok", 0), (1.3, "note", 1)])
def test_other_programs(monkeypatch, n, status, lines):
    """A run and the doctor say the same."""
    monkeypatch.setattr(processor, "busy_cores", lambda: n)
    finding = environment.busy()
    assert finding.status == status
    told: list[str] = []
    _progress.tell_if_busy(told.append)
    assert told == lines * [f"Note: {finding.text}"]


def test_variables_that_matter():
    found = said(
        {
            "OMP_WAIT_POLICY": "PASSIVE",
            "OMP_NUM_THREADS": "4",
            "GGML_CUDA_FORCE_MMQ": "1",
            "GGML_VK_VISIBLE_DEVICES": "0",
            "HF_TOKEN": "hf_secret",
            "LLAMA_API_KEY": "secret",
            "PATH": "/bin",
        }
    )
    assert found.pop("GGML_VK_VISIBLE_DEVICES").text.endswith(
        "chooses the GPUs that llama.cpp sees."
    )
    assert set(found) == {"OMP_WAIT_POLICY", "OMP_NUM_THREADS", "GGML_CUDA_FORCE_MMQ"}
    assert {finding.status for finding in found.values()} == {"note"}
    assert "threads sleep" in found["OMP_WAIT_POLICY"].text
    assert "from -t" in found["OMP_NUM_THREADS"].text
    assert "may change the arithmetic" in found["GGML_CUDA_FORCE_MMQ"].text


def test_a_policy_that_is_none():
    assert "active or passive" in said({"OMP_WAIT_POLICY": "often"})["OMP_WAIT_POLICY"].text
    assert "spin on" in said({"OMP_WAIT_POLICY": "active"})["OMP_WAIT_POLICY"].text
