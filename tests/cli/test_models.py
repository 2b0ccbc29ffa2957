"""`ggufeval models`: what there is, fetching it, hashing it, deleting it."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest
from click.testing import CliRunner, Result
from hub_faults import GRANTED, STRANGER, Fault

from ggufeval.catalog import hub as room
from ggufeval.catalog import hubcache
from ggufeval.catalog.cache import models_folder
from ggufeval.cli import cli

REPO = "o/Tiny-GGUF"
LLAMA = "bartowski/Llama-3.2-1B-Instruct-GGUF"


def run(*arguments: object, answer: str | None = None, token: str = "") -> Result:
    command = ["models", *map(str, arguments)]
    return CliRunner().invoke(cli, command, input=answer, env={"HF_TOKEN": token})


def ok(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments: object, token: str = "") -> str:
    """The one sentence of a command that was refused as it should be."""
    result = run(*arguments, token=token)
    assert result.exit_code == 2, result.output
    assert not isinstance(result.exception, Exception)
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert [line for line in lines if line.startswith("Error: ")] == lines[-1:]
    return lines[-1].removeprefix("Error: ")


def write_model(path: Path) -> Path:
    """As small as a model can be that llama.cpp's reader takes for one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(path.parent.name)
    writer.add_tensor("output.weight", np.zeros((32, 32), dtype=np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def real(hub):
    """Puts such a model on the stand-in."""

    def put(repository: str, name: str) -> Path:
        return write_model(hub.folder / "models" / repository / name)

    return put


def pulled(model: str) -> Path:
    return Path(ok("pull", model).strip())


# --- list ---


@pytest.mark.parametrize("command", [(), ("list",)])
def test_the_list_of_nothing(hub, command):
    out = ok(*command)
    assert "llama-3.2-1b-instruct  (Llama 3.2 1B Instruct, Llama 3.2 Community License)" in out
    assert "  levels of a sweep: F16, Q8_0, Q4_K_M, Q2_K\n  not on this disk\n" in out
    assert out.endswith(
        f"Files are in {models_folder()} (GGUFEVAL_CACHE)\nand in {room.cache()} (HF_HOME).\n"
    )


def test_the_list_of_what_is_there(hub, publish):
    publish(LLAMA, "m-Q8_0.gguf", size=1_500_000)
    publish(REPO, "tiny-Q8_0.gguf")
    paths = [pulled(f"{repository}:Q8_0") for repository in (LLAMA, REPO)]
    made = write_model(models_folder() / f"{REPO.replace('/', '--')}-0123456789ab" / "t-Q2_K.gguf")
    out = ok("list")
    assert f"Q2_K\n  Q8_0          1.5 MB  m-Q8_0.gguf\n  in {paths[0].parent}\n" in out
    assert f"\n{REPO}\n  Q8_0          0.1 MB  tiny-Q8_0.gguf\n  in {paths[1].parent}\n" in out
    assert f"\n  Q2_K          0.0 MB  t-Q2_K.gguf  (made here)\n  in {made.parent}\n" in out


def test_the_list_names_a_folder_once(hub, publish, monkeypatch):
    monkeypatch.setenv("HOME", str(room.cache()))
    monkeypatch.setenv("USERPROFILE", str(room.cache()))
    publish(REPO, *(f"m-F16-0000{i}-of-00003.gguf" for i in (1, 2, 3)), "m-Q8_0.gguf")
    ok("pull", REPO, "--quants", "F16,Q8_0", "-q")
    (commit,) = hubcache.folder(room.cache(), REPO).glob("snapshots/*")
    assert (
        f"\n{REPO}\n"
        "  F16           0.3 MB  m-F16-00001-of-00003.gguf  (+2 parts)\n"
        "  Q8_0          0.1 MB  m-Q8_0.gguf\n"
        f"  in {Path('~') / commit.relative_to(room.cache())}\n\n"
    ) in ok("list")


# --- pull ---


def test_pull_prints_where_it_is(hub, publish):
    content = publish(REPO, "tiny-Q8_0.gguf")["tiny-Q8_0.gguf"]
    result = run("pull", f"{REPO}:q8_0")
    assert Path(result.stdout.strip()).read_bytes() == content
    assert result.stderr == f"Fetching {REPO}:q8_0 (0 MB) ...\n"
    again = run("pull", f"{REPO}:Q8_0")
    assert (again.stdout, again.stderr) == (result.stdout, "")


def test_pull_prints_every_part_and_every_level(hub, publish):
    names = [f"m-F16-0000{i}-of-00002.gguf" for i in (1, 2)]
    publish(REPO, *names, "m-Q8_0.gguf")
    out = ok("pull", REPO, "--quants", "F16,Q8_0", "-q")
    assert [Path(line).name for line in out.splitlines()] == [*names, "m-Q8_0.gguf"]


def test_pull_fetches_what_a_level_is_to_be_made_from(hub, publish):
    publish(REPO, "tiny-F16.gguf", "tiny-Q8_0.gguf")
    result = run("pull", f"{REPO}:Q2_K")
    assert result.stdout.endswith("/tiny-F16.gguf\n")
    assert result.stderr.startswith(f"{REPO} has no Q2_K: to be made from its F16.\nFetching ")


def test_pull_without_a_hub_goes_on_with_the_cache(hub, publish):
    publish(REPO, "tiny-Q8_0.gguf")
    path = pulled(f"{REPO}:Q8_0")
    hub.faults.append(Fault(status=503))
    result = run("pull", f"{REPO}:Q8_0")
    assert (result.exit_code, result.stdout) == (0, f"{path}\n")
    assert result.stderr == (
        f"Note: {hub.url} could not be asked for {REPO} (503 Service Unavailable). Going on with "
        "what is in the hub's cache.\n"
    )
    assert run("pull", f"{REPO}:Q8_0", "--offline").stderr == ""


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("fault", "token", "said"),
    [
        (Fault("/api/", status=429), "", "429 Too Many Requests). Run again in 1 seconds, set HF_"),
        (Fault("/api/", status=500), "", "500 Internal Server Error). Run again later, or give "),
        (Fault("/api/", hang=True), "", "ReadTimeout: timed out). Check the network and HF_ENDPO"),
        (Fault("/api/", drop=True), "", "without sending a response). Check the network and HF_E"),
        (Fault(gated=True), "", "is gated: its owner wants to know who downloads it. Set HF_TOKEN"),
        (Fault(gated=True), STRANGER, "The token at hand has no access: ask for it on the reposi"),
        (Fault(times=0), "hf_old", "refuses access (401 Unauthorized). Check HF_TOKEN, or log in"),
        (Fault("/cdn/", cut_after=0), "", "the download stopped after 0.0 of 0.1 MB (RemoteProto"),
        (Fault("/cdn/", hang=True), "", "MB (ReadTimeout: timed out). What has come is kept: rep"),
        (Fault("/cdn/", wrong=True), "", "was downloaded. Nothing was kept: run again, and if it"),
        (Fault("/cdn/", short_by=9), "", "100,000 bytes were expected, 99,991 were downloaded. N"),
    ],
)
def test_pull_from_a_hub_that_fails(hub, publish, fault, token, said):
    publish(REPO, "tiny-Q8_0.gguf")
    hub.faults.append(fault)
    assert said in refused("pull", f"{REPO}:Q8_0", token=token)
    hub.faults.clear()
    assert run("pull", f"{REPO}:Q8_0", token=GRANTED).exit_code == 0


def test_pull_of_what_is_not_there(hub, publish):
    publish(REPO, "tiny-Q8_0.gguf")
    assert refused("pull", "o/Tiny-GUFF:Q8_0").endswith(f"Did you mean {REPO}?")
    assert refused("pull", REPO).endswith(f"as in {REPO}:Q8_0. There are Q8_0.")
    assert "named twice" in refused("pull", f"{REPO}:Q8_0", "--quants", "Q8_0")
    assert "--offline or HF_HUB_OFFLINE forbids" in refused("pull", f"{REPO}:Q8_0", "--offline")


# --- verify ---


def test_verify_what_was_published_and_what_was_made(hub, real):
    real(REPO, "tiny-F16.gguf")
    path = pulled(f"{REPO}:F16")
    made = write_model(models_folder() / "mine-0123456789ab" / "mine-Q8_0.gguf")
    assert ok("verify") == f"whole    {made}\nverified {path}\n"
    assert ok("verify", REPO) == f"verified {path}\n"


def test_verify_names_what_is_damaged(hub, real):
    for name in ("tiny-F16.gguf", "tiny-Q8_0.gguf"):
        real(REPO, name)
    real("o/Other-GGUF", "other-F16.gguf")
    damaged = [pulled(f"{REPO}:F16").resolve()]
    whole = pulled("o/Other-GGUF:F16")
    with damaged[0].open("r+b") as file:
        file.write(b"JUNK")
    made = write_model(models_folder() / "mine-0123456789ab" / "mine-Q8_0.gguf")
    made.write_bytes(made.read_bytes()[:-100])

    result = run("verify")

    assert result.exit_code == 1
    first, second, third = result.stdout.splitlines()
    assert first.startswith(f"damaged  {made}: truncated: its tensors need ")
    assert second == f"verified {whole}"
    assert third.startswith(f"damaged  {damaged[0]}: sha256 {damaged[0].name} was expected, ")
    assert third.endswith("damaged or changed. Remove it, and it is fetched again.")
    # It says what to do, and that is right.
    damaged[0].unlink()
    ok("pull", f"{REPO}:F16")
    assert ok("verify", REPO).startswith("verified ")


def test_verify_a_split_model(hub, publish):
    publish(REPO, "m-F16-00001-of-00002.gguf", "m-F16-00002-of-00002.gguf")
    second = Path(ok("pull", f"{REPO}:F16").split()[1])
    second.resolve().write_bytes(b"")
    result = run("verify")
    assert result.exit_code == 1
    assert result.stdout.startswith(f"damaged  {second.resolve()}: sha256 ")


@pytest.mark.parametrize("command", ["run", "sweep"])
def test_a_damaged_file_is_not_evaluated(hub, real, tmp_path, command):
    real(REPO, "tiny-F16.gguf")
    blob = pulled(f"{REPO}:F16").resolve()
    with blob.open("r+b") as file:
        file.seek(-10, 2)
        file.write(b"x")
    arguments = [command, f"{REPO}:F16", "--task", "sample", "--db", str(tmp_path / "r.sqlite")]
    result = CliRunner().invoke(cli, [*arguments, "-q"])
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {blob}: sha256 {blob.name} was expected, ")


def test_verify_nothing(hub):
    assert ok("verify") == ""


# --- remove ---


def test_remove_asks(hub, publish):
    publish(REPO, "tiny-F16.gguf", "tiny-Q8_0.gguf", size=1_000_000)
    f16, q8_0 = (pulled(f"{REPO}:{level}") for level in ("F16", "Q8_0"))
    no = run("remove", f"{REPO}:q8_0", answer="n\n")
    assert no.exit_code == 1
    assert no.stdout == ""
    assert no.stderr.startswith(f"       1.0 MB  {q8_0}\nDelete these 1 (1.0 MB)? [y/N]: ")
    assert q8_0.exists()

    yes = run("remove", f"{REPO}:q8_0", answer="y\n")
    assert yes.exit_code == 0
    assert yes.stderr.endswith("Deleted 1.0 MB.\n")
    assert f16.exists()
    assert list(hubcache.folder(room.cache(), REPO).glob("blobs/*")) == [f16.resolve()]


def test_remove_all_levels_of_a_name(hub, publish):
    publish(LLAMA, "m-F16.gguf", "m-Q8_0.gguf")
    for level in ("F16", "Q8_0"):
        pulled(f"{LLAMA}:{level}")
    made = models_folder() / f"{LLAMA.replace('/', '--')}-0123456789ab" / "m-Q2_K.gguf"
    write_model(made)
    result = run("remove", "llama-3.2-1b-instruct", "--yes")
    assert result.exit_code == 0
    assert result.stderr.endswith("Deleted 0.2 MB.\n")
    assert not made.exists()
    assert list(hubcache.folder(room.cache(), LLAMA).glob("blobs/*")) == []
    assert list(models_folder().rglob("*.gguf")) == []


def test_remove_takes_the_repository_for_a_name_of_the_catalogue(hub, publish):
    publish(LLAMA, "m-F16.gguf")
    path = pulled(f"{LLAMA}:F16")
    assert run("remove", "-y", f"{LLAMA}:F16").exit_code == 0
    assert not path.exists()


def test_what_is_in_two_commits_is_one_file(hub, publish):
    publish(REPO, "tiny-F16.gguf", size=1_000_000)
    old = pulled(f"{REPO}:F16")
    publish(REPO, "README.md")
    new = pulled(f"{REPO}:F16")
    assert old.resolve() == new.resolve()
    result = run("remove", "-y", REPO)
    assert result.stderr.endswith("Deleted 1.0 MB.\n")
    assert not old.is_symlink()
    assert not new.is_symlink()


@pytest.mark.parametrize("command", ["remove", "verify"])
def test_what_is_not_there(hub, publish, command):
    assert refused(command, "zzz") == "zzz: not on this disk. There is nothing."
    publish(REPO, "tiny-F16.gguf")
    pulled(f"{REPO}:F16")
    for name in (f"{REPO}:Q8_0", "o/Tiny-GUFF"):
        assert refused(command, name) == f"{name}: not on this disk. There is {REPO}:F16."
