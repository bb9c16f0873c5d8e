#!/usr/bin/env python3
"""Side by side: the same image, model and number of masks through other people's tools and through racm.

    cargo build --release --features cli,ort
    python3 benches/peers/compare.py MODEL.onnx IMAGE.png [N]

Makes a virtual environment under target/peers and installs what the peers need (torch, which DIANNA
names but its RISE does not use, is left out). Every tool runs in a process of its own, through ONNX
Runtime with one thread and batches of 32, and explains the top class with 8 x 8 cells and P_pix 0.5. Printed for
each: wall time of the explanation, seconds inside the model, masks a second outside the model, and
the process's peak memory above that of loading the model and scoring one batch.
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / "target" / "peers"
NEEDS = ["numpy", "onnxruntime", "pillow", "xaitk-saliency", "tqdm", "scikit-image", "scikit-learn", "pooch", "matplotlib", "onnx", "xarray", "pandas"]
PEERS = ["XAITK RISE", "XAITK MC-RISE", "DIANNA RISE", "NumPy RaCM (Eq. 9)"]
BATCH = 32
COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255), (0, 255, 255), (255, 255, 255)]


class Model:
    """Scores of HWC images in 0..255, with the time spent inside ONNX Runtime."""

    def __init__(self, path):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options)
        self.input = self.session.get_inputs()[0].name
        self.output = self.session.get_outputs()[0].name
        self.seconds = 0.0

    def nchw(self, batch):
        started = time.perf_counter()
        scores = self.session.run([self.output], {self.input: batch})[0]
        self.seconds += time.perf_counter() - started
        return scores

    def hwc(self, images):
        import numpy as np

        batch = np.stack(images).transpose(0, 3, 1, 2).astype(np.float32) / 255.0
        return self.nchw(np.ascontiguousarray(batch))


def xaitk(model, image, masks, colours):
    from smqtk_classifier import ClassifyImage
    from xaitk_saliency.impls.gen_image_classifier_blackbox_sal.mc_rise import MCRISEStack
    from xaitk_saliency.impls.gen_image_classifier_blackbox_sal.rise import RISEStack

    classes = model.hwc([image]).shape[1]
    top = int(model.hwc([image])[0].argmax())

    class Classifier(ClassifyImage):
        """The top class only: the tool computes a map for every label it is told of."""

        def get_labels(self):
            return [top]

        def classify_images(self, images):
            batch = []
            for one in images:
                batch.append(one)
                if len(batch) == BATCH:
                    yield from ({top: float(s[top])} for s in model.hwc(batch))
                    batch = []
            if batch:
                yield from ({top: float(s[top])} for s in model.hwc(batch))

        def get_config(self):
            return {}

    assert top < classes
    if colours:
        stack = MCRISEStack(masks, 8, 0.5, COLOURS, 0)
    else:
        stack = RISEStack(masks, 8, 0.5, 0)
    return lambda: stack.generate(image, Classifier())


def dianna(model, image, masks):
    from dianna.methods.rise_image import RISEImage

    top = int(model.hwc([image])[0].argmax())
    rise = RISEImage(masks, 8, 0.5, axis_labels={2: "channels"})
    return lambda: rise.explain(lambda batch: model.hwc(list(batch)), image.astype("float32"), [top], batch_size=BATCH)


def numpy_racm(model, image, masks):
    """Eq. 9 written out: every mask at full size, as the field's scripts do."""
    import numpy as np

    pixels = image.transpose(2, 0, 1).astype(np.float32) / 255.0
    _, height, width = pixels.shape
    top = int(model.nchw(pixels[None])[0].argmax())

    def enlarge(cells, size, pitch, offset):
        position = np.clip((np.arange(size) + offset + 0.5) / pitch - 0.5, 0, cells.shape[-1] - 1)
        low = np.floor(position).astype(int)
        high = np.minimum(low + 1, cells.shape[-1] - 1)
        t = (position - low).astype(np.float32)
        return cells[..., low] * (1 - t) + cells[..., high] * t

    def explain():
        rng = np.random.default_rng(0)
        pitches = -(-height // 8), -(-width // 8)
        passed, bias, scores = [], [], []
        for start in range(0, masks, BATCH):
            n = min(BATCH, masks - start)
            states = np.where(rng.random((n, 9, 9)) < 0.5, rng.integers(1, 8, (n, 9, 9)), 0)
            cells = np.stack([states >> c & 1 for c in range(3)] + [states == 0], 1).astype(np.float32)
            soft = enlarge(cells, width, pitches[1], rng.integers(pitches[1]))
            soft = enlarge(soft.swapaxes(2, 3), height, pitches[0], rng.integers(pitches[0])).swapaxes(2, 3)
            passed.append(soft[:, :3])
            bias.append(soft[:, 3])
            scores.append(model.nchw(np.ascontiguousarray(soft[:, :3] * pixels))[:, top])
        passed, bias, scores = np.concatenate(passed), np.concatenate(bias), np.concatenate(scores)
        p_c, p_0 = 0.5 * 4 / 7, 0.5
        mean = (passed * scores[:, None, None, None]).mean(0) / p_c
        return mean - (bias * scores[:, None, None]).mean(0) / p_0

    return explain


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def child(name, path, image_path, masks):
    import numpy as np
    from PIL import Image

    model = Model(path)
    image = np.asarray(Image.open(image_path).convert("RGB"))
    explain = {
        "XAITK RISE": lambda: xaitk(model, image, masks, False),
        "XAITK MC-RISE": lambda: xaitk(model, image, masks, True),
        "DIANNA RISE": lambda: dianna(model, image, masks),
        "NumPy RaCM (Eq. 9)": lambda: numpy_racm(model, image, masks),
    }[name]()
    model.hwc([image] * BATCH)
    model.seconds, before = 0.0, peak()
    started = time.perf_counter()
    explain()
    wall = time.perf_counter() - started
    print(json.dumps({"wall": wall, "model": model.seconds, "memory": peak() - before}))


def racm(path, image_path, masks, method):
    """The program: its report has the times; the kernel has the memory."""
    out = ENVIRONMENT / "out"
    library = next(ENVIRONMENT.glob("lib/python*/site-packages/onnxruntime/capi/libonnxruntime.so*"))
    environment = os.environ | {"ORT_DYLIB_PATH": str(library)}
    program = [ROOT / "target/release/racm", "explain", "--model", path, "--image", image_path, "--runtime", "ort"]
    program += ["--threads", "1", "--method", method, "--batch", str(BATCH), "--out", out]

    def measured(masks):
        process = subprocess.Popen(
            program + ["--masks", str(masks)], env=environment, stdout=subprocess.DEVNULL, text=True
        )
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0, f"racm failed with {status}"
        report = json.loads((out / "report.json").read_text())
        return report, usage.ru_maxrss / 1024

    # One batch without any more is what loading the model takes.
    _, before = measured(BATCH)
    report, after = measured(masks)
    inside = report["seconds_in_model"]
    outside = report["seconds_outside_model"]
    return {"wall": inside + outside, "model": inside, "memory": after - before}


def main():
    if sys.argv[1] == "--child":
        child(sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]))
        return
    path, image = sys.argv[1:3]
    masks = int(sys.argv[3]) if len(sys.argv) > 3 else 1000
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        subprocess.check_call([sys.executable, "-m", "venv", ENVIRONMENT])
        subprocess.check_call([python, "-m", "pip", "install", "-q", *NEEDS])
        subprocess.check_call([python, "-m", "pip", "install", "-q", "--no-deps", "dianna"])
    print("| tool | wall, s | in the model, s | masks/s outside the model | memory, MiB |\n|---|---|---|---|---|")
    rows = {}
    for name in PEERS:
        command = [python, __file__, "--child", name, path, image, str(masks)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(f"| {name} | failed: {done.stderr.strip().splitlines()[-1]} | | | |")
            continue
        rows[name] = json.loads(done.stdout.strip().splitlines()[-1])
        print(row(name, rows[name], masks))
    for method in ["rise", "mc-rise", "racm"]:
        print(row(f"racm, {method}", racm(path, image, masks, method), masks))


def row(name, figures, masks):
    outside = figures["wall"] - figures["model"]
    rate = masks / outside
    return f'| {name} | {figures["wall"]:.2f} | {figures["model"]:.2f} | {rate:,.0f} | {figures["memory"]:.0f} |'


if __name__ == "__main__":
    main()
