"""What the comparisons share: the peers' environments, the model that counts, and calling racm.

The environments lie under target/peers. NAME.txt pins *every* package of the environment NAME, and pip
is told to follow no dependencies: DIANNA names torch and Xplique names CUDA, which nothing here uses.
(PyTorch itself, in torch.txt, does not start without CUDA's libraries.)
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PEERS = ROOT / "target" / "peers"
PROGRAM = ROOT / "target" / "release" / "racm"
BATCH = 32
# One thread everywhere, and no messages of TensorFlow's.
QUIET = {name: "1" for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"]}
QUIET |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}


def environment(name):
    """The Python of a peer's environment, which is made if it is not there or its pins have changed."""
    folder, pins = PEERS / name, (HERE / f"{name}.txt").read_text()
    python, made = folder / "bin" / "python", folder / "pins.txt"
    if not made.exists() or made.read_text() != pins:
        print(f"installing {name} into {folder}", file=sys.stderr)
        subprocess.check_call([sys.executable, "-m", "venv", folder])
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.check_call([*install, "-r", HERE / f"{name}.txt"])
        made.write_text(pins)
    return python


def racm(command, arguments, out, threads=1):
    """Runs `racm explain` or `racm evaluate` in ONNX Runtime; its seconds of CPU time and its peak memory in MiB."""
    library = next((PEERS / "tools").glob("lib/python*/site-packages/onnxruntime/capi/libonnxruntime.so*"))
    command = [PROGRAM, command, "--runtime", "ort", "--threads", threads, "--out", out, *arguments]
    variables = os.environ | {"ORT_DYLIB_PATH": str(library)}
    process = subprocess.Popen([str(a) for a in command], env=variables, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"racm failed with {os.waitstatus_to_exitcode(status)}: {command}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def report(out):
    """What `racm explain` says of its run."""
    return json.loads((Path(out) / "report.json").read_text())


class Model:
    """Scores by ONNX Runtime in one thread; counts the images and the time inside.

    `batch` images are wanted a call, and `threads` of the tool's own where it offers that (0 is none).
    """

    batch, threads = BATCH, 0

    def __init__(self, path, output=None):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options)
        self.input = self.session.get_inputs()[0].name
        self.output = output or self.session.get_outputs()[0].name
        self.seconds, self.images = 0.0, 0

    def nchw(self, batch):
        """Scores [n, K] of images [n, C, H, W] in 0..1."""
        import numpy as np

        batch = np.ascontiguousarray(batch, dtype=np.float32)
        started = time.perf_counter()
        scores = self.session.run([self.output], {self.input: batch})[0]
        self.seconds += time.perf_counter() - started
        self.images += len(batch)
        return scores

    def hwc(self, images):
        """Scores of images [H, W, C] in 0..255."""
        import numpy as np

        return self.nchw(np.stack(images).transpose(0, 3, 1, 2).astype(np.float32) / 255.0)

    def top(self, image):
        """The highest class of an image [H, W, C] in 0..255, and its score; not counted."""
        scores = self.hwc([image])[0]
        self.seconds, self.images = 0.0, 0
        return int(scores.argmax()), float(scores.max())


def read_image(path):
    """[H, W, C] in 0..255."""
    import numpy as np
    from PIL import Image

    return np.asarray(Image.open(path).convert("RGB"))
