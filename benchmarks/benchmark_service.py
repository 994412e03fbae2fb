"""Requests per second and latency of examples/service.py, with one to eight clients.

``python benchmarks/benchmark_service.py`` fits a pipeline that names the glasses of rendered
faces and one that predicts their yaw, starts the example as a separate process on the loopback
address, and sends each client's requests one after the other: a PNG of one face.
"""

import argparse
import http.client
import io
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
import numpy as np
from PIL import Image
from sklearn.pipeline import make_pipeline

from skstylefeat import (
    ChannelMISelector,
    ClusterAnnotator,
    HyperplaneDistance,
    LatentRegressor,
    MaxPoolReducer,
    StyleGANInverter,
)
from skstylefeat.datasets import make_faces

SERVICE = Path(__file__).parents[1] / "examples" / "service.py"


def pipelines(n_faces):
    """Return both pipelines, fitted on rendered faces."""
    faces = make_faces(n_faces, random_state=0)
    names = np.asarray(faces.attributes["glasses"])
    yaw = np.asarray(faces.attributes["yaw"])
    return {
        "annotator": make_pipeline(
            StyleGANInverter("faces64", output="features"),
            ChannelMISelector(random_state=0),
            MaxPoolReducer(),
            ClusterAnnotator(n_clusters=8, random_state=0),
        ).fit(faces.images, names),
        "regressor": make_pipeline(
            StyleGANInverter("faces64"),
            HyperplaneDistance(random_state=0),
            LatentRegressor(random_state=0),
        ).fit(faces.images, yaw),
    }


def bodies(n):
    """Return PNG files of n faces."""
    files = []
    for image in make_faces(n, random_state=1).images:
        file = io.BytesIO()
        Image.fromarray(image).save(file, format="PNG")
        files.append(file.getvalue())
    return files


def ask(port, files):
    """Send files one after the other over one connection; return the seconds of each answer."""
    seconds = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for body in files:
        start = time.perf_counter()
        connection.request("POST", "/predict", body)
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise SystemExit(f"{response.status}: {answer.decode()}")
        seconds.append(time.perf_counter() - start)
    connection.close()
    return seconds


def measure(path, n_requests):
    """Print one line of a table for each number of clients."""
    process = subprocess.Popen(
        [sys.executable, str(SERVICE), str(path), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        port = int(process.stdout.readline().rpartition(":")[2])
        files = bodies(n_requests)
        ask(port, files[:3])  # the first requests load the networks
        for n_clients in (1, 2, 4, 8):
            parts = [files[i::n_clients] for i in range(n_clients)]
            start = time.perf_counter()
            with ThreadPoolExecutor(n_clients) as pool:
                answers = list(pool.map(lambda part: ask(port, part), parts))
            rate = len(files) / (time.perf_counter() - start)
            middle, late = np.quantile(np.concatenate(answers), [0.5, 0.95]) * 1e3
            print(f"| {path.stem} | {n_clients} | {rate:.1f} | {middle:.0f} | {late:.0f} |")
    finally:
        process.terminate()
        process.wait()


def main():
    """Measure both pipelines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=300, help="faces to fit on")
    parser.add_argument("--requests", type=int, default=200)
    arguments = parser.parse_args()
    print("| pipeline | clients | requests/s | median ms | 95 % ms |")
    print("| --- | --: | --: | --: | --: |")
    with tempfile.TemporaryDirectory() as folder:
        for name, pipeline in pipelines(arguments.faces).items():
            path = Path(folder) / f"{name}.joblib"
            joblib.dump(pipeline, path)
            measure(path, arguments.requests)


if __name__ == "__main__":
    main()
