"""The stand-in for the hub, asked by the hub's own client."""

import hashlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hub_faults import GRANTED, STRANGER, Fault
from hub_stand_in import HubStandIn
from huggingface_hub import HfApi, constants, errors
from huggingface_hub.utils import httpx

from ggufeval.tasks.hub import REVISION

REPO = "meta-llama/Tiny-GGUF"
GGUF = bytes(range(256)) * 40
SHA256 = hashlib.sha256(GGUF).hexdigest()
README = b"# Tiny\n"
README_OID = "14d286ebf3febd1e7319ce671d8d399dfe187ee4"
FILE = f"/{REPO}/resolve/main/tiny.Q4_0.gguf"
CDN = f"/cdn/{SHA256}/tiny.Q4_0.gguf"


@pytest.fixture
def server(hub_server, monkeypatch):
    # Else the client asks huggingface.co which agents there are.
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    folder = hub_server.folder / "models" / REPO
    (folder / "more").mkdir(parents=True)
    (folder / "tiny.Q4_0.gguf").write_bytes(GGUF)
    (folder / "README.md").write_bytes(README)
    (folder / "more" / "tiny.Q8_0.gguf").write_bytes(GGUF * 2)
    (hub_server.folder / "models" / "unsloth" / "Tiny-3B").mkdir(parents=True)
    return hub_server


def api(server, token=False):
    return HfApi(endpoint=server.url, token=token)


def download(server, tmp_path, name="tiny.Q4_0.gguf", token=False):
    path = api(server, token).hf_hub_download(REPO, name, cache_dir=tmp_path)
    return Path(path).read_bytes()


def asked(server):
    return [str(request) for request in server.requests]


def test_a_model(server):
    info = api(server).model_info(REPO, files_metadata=True)

    assert (info.id, info.gated, len(info.sha)) == (REPO, False, 40)
    readme, more, tiny = info.siblings
    assert (readme.rfilename, readme.size, readme.blob_id) == ("README.md", 7, README_OID)
    assert readme.lfs is None
    assert (more.rfilename, more.size) == ("more/tiny.Q8_0.gguf", 20480)
    assert (tiny.rfilename, tiny.size) == ("tiny.Q4_0.gguf", 10240)
    assert tiny.lfs == {"size": 10240, "sha256": SHA256, "pointer_size": 130}
    assert asked(server) == [f"GET /api/models/{REPO}?blobs=true"]

    at_commit = api(server).model_info(REPO, revision=info.sha)
    assert [sibling.size for sibling in at_commit.siblings] == [None, None, None]


def test_the_commit_is_that_of_the_content(server):
    before = api(server).model_info(REPO).sha
    assert api(server).model_info(REPO).sha == before
    (server.folder / "models" / REPO / "README.md").write_bytes(b"# New\n")
    assert api(server).model_info(REPO).sha != before


def test_mmlu_is_at_the_commit_that_we_ask_for(server):
    (server.folder / "datasets" / "cais" / "mmlu").mkdir(parents=True)
    assert api(server).dataset_info("cais/mmlu", revision=REVISION).sha == REVISION


def test_the_tree(server):
    entries = list(api(server).list_repo_tree(REPO))
    assert [entry.path for entry in entries] == ["more", "README.md", "tiny.Q4_0.gguf"]
    assert entries[2].lfs.sha256 == SHA256

    everything = api(server).list_repo_tree(REPO, recursive=True, expand=True)
    last = list(everything)[2]
    assert (last.path, last.size) == ("more/tiny.Q8_0.gguf", 20480)
    assert last.last_commit.title == "Upload"

    below = api(server).list_repo_tree(REPO, "more")
    assert [entry.path for entry in below] == ["more/tiny.Q8_0.gguf"]


def test_the_list(server):
    found = [model.id for model in api(server).list_models()]
    assert found == [REPO, "unsloth/Tiny-3B"]
    assert [model.id for model in api(server).list_models(author="unsloth")] == found[1:]
    assert [model.id for model in api(server).list_models(search="gguf tiny")] == found[:1]
    assert [model.id for model in api(server).list_models(search="7B")] == []
    assert [model.id for model in api(server).list_models(limit=1)] == found[:1]


def test_downloads_and_who_gets_the_token(server, tmp_path):
    assert download(server, tmp_path, token=GRANTED) == GGUF
    assert download(server, tmp_path, "README.md") == README

    assert asked(server) == [
        f"HEAD {FILE}",
        f"GET {CDN}",
        f"HEAD /{REPO}/resolve/main/README.md",
        f"GET /{REPO}/resolve/main/README.md",
    ]
    assert [request.token for request in server.requests] == [GRANTED, None, None, None]


@pytest.mark.parametrize(("how", "seconds"), [("close", 10), ("stall", 1)])
def test_a_download_that_breaks_is_resumed(server, tmp_path, monkeypatch, how, seconds):
    # It keeps whole pieces of this size; 10 MiB, when it is let.
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", seconds)
    server.faults.append(Fault(cut_after=4096, how=how, times=2))

    assert download(server, tmp_path) == GGUF

    ranges = [request.range for request in server.requests[1:]]
    assert ranges == [None, "bytes=4000-", "bytes=8000-"]


def test_gated(server, tmp_path):
    server.faults.append(Fault(REPO, gated=True))

    assert api(server).model_info(REPO).gated == "manual"
    with pytest.raises(errors.GatedRepoError, match=r"(?s)401 .*Please log in"):
        download(server, tmp_path)
    with pytest.raises(errors.GatedRepoError, match=r"(?s)403 .*to ask for access"):
        download(server, tmp_path, token=STRANGER)
    with pytest.raises(errors.GatedRepoError, match="403"):
        api(server, STRANGER).auth_check(REPO)
    api(server, GRANTED).auth_check(REPO)
    assert download(server, tmp_path, token=GRANTED) == GGUF


@pytest.mark.parametrize(("token", "status"), [(False, 401), (STRANGER, 404)])
def test_no_such_repository(server, tmp_path, token, status):
    with pytest.raises(errors.RepositoryNotFoundError, match=str(status)):
        api(server, token).model_info("meta-llama/Huge")
    with pytest.raises(errors.RepositoryNotFoundError, match=str(status)):
        api(server, token).hf_hub_download("meta-llama/Huge", "a.gguf", cache_dir=tmp_path)


def test_no_such_revision_or_file_or_token_or_page(server, tmp_path):
    with pytest.raises(errors.RevisionNotFoundError, match="Invalid rev id: v9"):
        api(server).model_info(REPO, revision="v9")
    with pytest.raises(errors.RemoteEntryNotFoundError):
        download(server, tmp_path, "huge.gguf")
    with pytest.raises(errors.HfHubHTTPError, match="Invalid credentials in Authorization header"):
        api(server, "hf_old").model_info(REPO)
    with pytest.raises(errors.HfHubHTTPError, match="404"):
        api(server).list_repo_refs(REPO)


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        (Fault(status=429, retry_after=7), errors.HfHubHTTPError, "Retry after 7 seconds"),
        (Fault(status=503), errors.HfHubHTTPError, "503 Service Unavailable"),
        (Fault(drop=True), httpx.RemoteProtocolError, "Server disconnected"),
        (Fault("GET /api", hang=True), httpx.ReadTimeout, "timed out"),
    ],
)
def test_faults_of_requests(server, fault, error, message):
    server.faults.append(fault)
    with pytest.raises(error, match=message):
        api(server).model_info(REPO, timeout=0.5)
    server.faults.clear()
    assert api(server).model_info(REPO).id == REPO


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        (Fault(cut_after=100, how="reset"), httpx.ReadError, "reset by peer"),
        (Fault(short_by=9), OSError, "should be of size 10240 but has size 10231"),
        (Fault(f"GET {CDN}", status=500), errors.HfHubHTTPError, "500"),
    ],
)
def test_faults_of_files(server, tmp_path, fault, error, message):
    server.faults.append(fault)
    with pytest.raises(error, match=message):
        download(server, tmp_path)
    assert not list(tmp_path.rglob("*.incomplete"))


def test_wrong_bytes_are_not_noticed(server, tmp_path):
    server.faults.append(Fault("GET .*Q4_0", wrong=True))
    data = download(server, tmp_path)
    assert [i for i in range(len(GGUF)) if data[i] != GGUF[i]] == [len(GGUF) // 2]


def test_slow_bytes_come_all_the_same(server, tmp_path):
    server.faults.append(Fault(delay=0.01))
    assert download(server, tmp_path) == GGUF


def test_a_fault_meets_as_many_requests_as_it_says(server):
    server.faults += [Fault("/other/", status=500), Fault("meta-llama", status=503, times=2)]
    for _ in range(2):
        with pytest.raises(errors.HfHubHTTPError, match="503"):
            api(server).model_info(REPO)
    api(server).model_info(REPO)


def test_ranges(server):
    def part(wanted):
        headers = {"Range": f"bytes={wanted}"}
        return httpx.get(f"{server.url}{FILE}", headers=headers, follow_redirects=True)

    assert part("10-").content == GGUF[10:]
    some = part("10-19")
    assert (some.status_code, some.content) == (206, GGUF[10:20])
    assert some.headers["Content-Range"] == "bytes 10-19/10240"
    assert part("10-99999").content == GGUF[10:]
    none = part("10240-")
    assert (none.status_code, none.headers["Content-Range"]) == (416, "bytes */10240")


def test_nobody_answers_any_more(server):
    server.stop()
    server.stop()
    with pytest.raises(httpx.ConnectError):
        api(server).model_info(REPO)


def test_by_hand(server):
    script = Path(__file__).parents[1] / "scripts" / "hub_stand_in.py"
    command = [sys.executable, str(script), str(server.folder), "--fault", "429"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        url = process.stdout.readline().strip().removeprefix("HF_ENDPOINT=")
        with pytest.raises(errors.HfHubHTTPError, match="429"):
            HfApi(endpoint=url, token=False).model_info(REPO)
        assert HfApi(endpoint=url, token=False).model_info(REPO).id == REPO
        process.send_signal(signal.SIGINT)
        try:
            _, log = process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()  # else leaving the block would wait for ever
            raise
    assert process.returncode == 0
    assert f'"GET /api/models/{REPO} HTTP/1.1" 200' in log
    assert "Traceback" not in log


def test_two_at_once_do_not_share_anything(server, tmp_path):
    with HubStandIn(tmp_path) as other:
        assert other.url != server.url
        assert list(api(other).list_models()) == []
        assert server.requests == []
