"""Reports: the command line's own figures, in parts as a whole, and what is demanded of them."""

import concurrent.futures
import itertools
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import neurocuda
import numpy as np
import pytest
from neurocuda import _binary


def without_cost(report):
    differs = ("seconds", "peak_memory_mb", "provenance")
    return {key: value for key, value in report.to_dict().items() if key not in differs}


def batched(tiny):
    return ((tiny.images[start : start + 64], tiny.labels[start : start + 64]) for start in range(0, 620, 64))


def test_the_report_is_the_command_lines(tiny, tmp_path):
    from safetensors.numpy import save_file

    page = tmp_path / "report.html"
    report = neurocuda.validate(tiny.snn, batched(tiny), tiny.model, max_drop=100, html=page, progress=False)
    assert page.read_text().startswith("<!DOCTYPE html>") and str(tmp_path) not in page.read_text()
    data, path = tmp_path / "data.safetensors", tmp_path / "report.json"
    save_file({"images": tiny.images, "labels": tiny.labels}, data)
    command = [_binary.binary(), "validate", tiny.artifact, "--model", tiny.graph, "--weights", tiny.weights]
    subprocess.run([*command, "--data", data, "--no-cache", "--max-drop", "100", "--report", path], check=True, capture_output=True)
    assert without_cost(report) == without_cost(neurocuda.Report(json.loads(path.read_text())))
    assert report.passed and report.exact and report.images == 620
    for accuracy in (report.ann_accuracy, report.integer_accuracy, report.snn_accuracy, report.agreement):
        assert 0 <= accuracy <= 1
    for figure in ("ann_accuracy", "integer_accuracy", "snn_accuracy", "agreement"):
        low, high = getattr(report, f"{figure}_interval")
        assert low <= getattr(report, figure) <= high
    assert 0 <= report.p_value <= 1 and report.sops_per_mac > 0
    assert report.curve["accuracy"][-1] == report.snn_accuracy and report.curve["agreement"][-1] == report.agreement
    assert [layer["name"] for layer in report.layers] == ["relu"] and report.outputs and report.gates
    assert "accuracy, spiking network" in repr(report) and "pass exact" in repr(report)
    assert "<table>" in report._repr_html_() and "passed" in report._repr_html_()
    assert json.loads(report.to_json(tmp_path / "copy.json")) == report.to_dict()
    assert pickle.loads(pickle.dumps(report)) == report


def test_a_failed_gate_is_no_exception(tiny):
    report = neurocuda.validate(tiny.snn, batched(tiny), tiny.model, max_drop=-100, limit=20, progress=False)
    assert not report.passed and report.images == 20
    assert "FAIL max-drop" in repr(report) and "FAILED" in report._repr_html_()


def test_without_labels_there_is_no_accuracy(tiny):
    for loader in (tiny.images[:20], ((x[None], np.float32([1.5])) for x in tiny.images[:20])):
        report = neurocuda.validate(tiny.snn, loader, tiny.model, progress=False)
        assert report.passed and report.images == 20 and report.agreement > 0.5
        assert report.ann_accuracy is report.snn_accuracy is report.integer_accuracy is report.drop is None
        assert report.snn_accuracy_interval is report.p_value is report.curve["accuracy"] is None
        assert "max-drop" not in [gate["name"] for gate in report.gates]
        report._repr_html_(), repr(report)


class Late(concurrent.futures.Executor):
    """Runs tasks when their results are asked for."""

    def submit(self, function, /, *arguments):
        future = concurrent.futures.Future()
        future.result = lambda: pickle.loads(pickle.dumps(function))(*pickle.loads(pickle.dumps(arguments)))
        return future


@pytest.mark.parametrize("kind", ["threads", "processes", "late", "dask"])
def test_shards_on_any_pool_give_the_report_of_the_whole(tiny, kind):
    snn = tiny.snn
    whole = neurocuda.validate(snn, batched(tiny), tiny.model, max_drop=100, progress=False)
    more = {"max_drop": 100, "threads": 1, "in_flight": 2, "progress": False}
    if kind == "threads":
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            report = neurocuda.validate(snn, batched(tiny), tiny.model, executor=pool, **more)
    elif kind == "processes":
        import multiprocessing

        # A fork of a process with threads may hang.
        with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
            report = neurocuda.validate(snn, batched(tiny), tiny.model, executor=pool, **more)
    elif kind == "late":
        report = neurocuda.validate(snn, batched(tiny), tiny.model, executor=Late(), shard=500, **more)
    else:
        distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
        with (
            distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
            distributed.Client(cluster) as client,
        ):
            report = neurocuda.validate(snn, batched(tiny), tiny.model, executor=client.get_executor(), **more)
    assert without_cost(report) == without_cost(whole)


def test_errors_of_workers_arrive(tiny):
    wrong = np.zeros((300, 2, 8, 7), np.uint8)
    with concurrent.futures.ThreadPoolExecutor(2) as pool, pytest.raises(neurocuda.BadData) as caught:
        neurocuda.validate(tiny.snn, wrong, tiny.model, executor=pool, progress=False)
    assert caught.value.id == "data-shape"
    with pytest.raises(neurocuda.BadData, match="no image"):
        neurocuda.validate(tiny.snn, [], tiny.model, executor=Late(), progress=False)
    mixed = itertools.chain([(tiny.images[:250], tiny.labels[:250])], [tiny.images[250:500]])
    with pytest.raises(neurocuda.BadData, match="some batches have class labels"):
        neurocuda.validate(tiny.snn, mixed, tiny.model, executor=Late(), progress=False)


def test_arguments_are_checked(tiny):
    for wrong in ({"shard": 100}, {"shard": 0}, {"in_flight": 0}):
        with pytest.raises(ValueError):
            neurocuda.validate(tiny.snn, tiny.images, tiny.model, executor=Late(), progress=False, **wrong)
    with pytest.raises(neurocuda.NeurocudaError, match="give model="):
        neurocuda.validate(tiny.snn, tiny.images, progress=False)
    with pytest.raises(neurocuda.BadData, match=r"\[2, 8, 7\]") as caught:
        neurocuda.validate(tiny.snn, tiny.images[..., 1:], tiny.model, progress=False)
    assert "neurocuda-" not in str(caught.value), "a temporary file is named"
    with pytest.raises(neurocuda.CompileFailed, match="not-settled"):
        tiny.snn(tiny.images[:2], timesteps=1)


INTERRUPTED = """
import sys, neurocuda, numpy as np
graph, weights, artifact = sys.argv[1:]
print("ready", flush=True)
neurocuda.validate(neurocuda.load(artifact), np.zeros((2000000, 2, 8, 8), np.uint8), (graph, weights), progress=False)
"""


# Seconds until a machine that does other things too must have answered.
PATIENCE = 600


def test_an_interrupt_ends_the_compiler_and_leaves_nothing(tiny, tmp_path):
    folder = tmp_path / "of_the_child"
    folder.mkdir()
    environment = {**os.environ, "TMPDIR": str(folder)}
    command = [sys.executable, "-c", INTERRUPTED, tiny.graph, tiny.weights, tiny.artifact]
    child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "ready\n"
        deadline = time.monotonic() + PATIENCE
        # The data file is complete once its header is there.
        while not (of_compiler := children(child.pid, "validate")):
            assert time.monotonic() < deadline and child.poll() is None, child.stderr.read()
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in child.communicate(timeout=PATIENCE)[1]
    finally:
        child.kill()
    assert not any(os.path.exists(f"/proc/{pid}") for pid in of_compiler)
    assert list(folder.iterdir()) == []


def children(parent, word):
    """Processes that `parent` started, with `word` among their arguments, as Linux tells it."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as stat, open(f"/proc/{pid}/cmdline") as line:
                if int(stat.read().rpartition(")")[2].split()[1]) == parent and word in line.read().split("\0"):
                    found.append(pid)
        except OSError:
            continue
    return found


def test_a_failure_in_a_pool_of_threads_ends_what_it_started(tiny):
    stopped = threading.Event()

    class Failing(concurrent.futures.ThreadPoolExecutor):
        def submit(self, function, /, *arguments):
            if arguments[3] == 0:
                return super().submit(function, *arguments)
            stopped.set()
            raise RuntimeError("the cluster is gone")

    with Failing(1) as pool, pytest.raises(RuntimeError, match="gone"):
        neurocuda.validate(tiny.snn, batched(tiny), tiny.model, executor=pool, progress=False)
    assert stopped.is_set() and not _binary._running
