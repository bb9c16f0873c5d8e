#!/usr/bin/env python3
"""Side by side: the same image, model and number of masks through other people's tools and through racm.

    cargo build --release --features cli,ort
    python3 benches/peers/compare.py MODEL.onnx IMAGE.png [N]

Makes a virtual environment under target/peers with the packages that tools.txt pins. Every tool runs
in a process of its own, through ONNX Runtime with one thread and batches of 32, and explains the top
class with 8 x 8 cells and P_pix 0.5. Printed for each: wall time of the explanation, seconds inside
the model, masks a second outside the model, and the process's peak memory above that of loading the
model and scoring one batch.
"""

import json
import resource
import subprocess
import sys
import time

import common
from common import BATCH, Model
from tools import prepared

PEERS = {"XAITK RISE": "xaitk-rise", "XAITK MC-RISE": "xaitk-mc-rise", "DIANNA RISE": "dianna-rise"}
NUMPY = "NumPy RaCM (Eq. 9)"


def numpy_racm(model, image, top, masks):
    """Eq. 9 written out: every mask at full size, as the field's scripts do."""
    import numpy as np

    pixels = image.transpose(2, 0, 1).astype(np.float32) / 255.0
    _, height, width = pixels.shape

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
    model = Model(path)
    image = common.read_image(image_path)
    top, _ = model.top(image)
    if name == NUMPY:
        explain = numpy_racm(model, image, top, masks)
    else:
        explain = prepared(PEERS[name], model, image, top, masks, 0)
    model.hwc([image] * BATCH)
    model.seconds, before = 0.0, peak()
    started = time.perf_counter()
    explain()
    wall = time.perf_counter() - started
    print(json.dumps({"wall": wall, "model": model.seconds, "memory": peak() - before}))


def racm(path, image_path, masks, method, estimator):
    """The program: its report has the times; the kernel has the memory."""
    arguments = ["--model", path, "--image", image_path, "--method", method, "--estimator", estimator]
    arguments += ["--batch", BATCH, "--restart", "--masks"]
    out = common.PEERS / "out"
    # One batch without any more is what loading the model takes.
    _, before = common.racm("explain", [*arguments, BATCH], out)
    _, after = common.racm("explain", [*arguments, masks], out)
    report = common.report(out)
    inside = report["seconds_in_model"]
    outside = report["seconds_outside_model"]
    return {"wall": inside + outside, "model": inside, "memory": after - before}


def main():
    if sys.argv[1] == "--child":
        child(sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]))
        return
    path, image = sys.argv[1:3]
    masks = int(sys.argv[3]) if len(sys.argv) > 3 else 1000
    python = common.environment("tools")
    print("| tool | wall, s | in the model, s | masks/s outside the model | memory, MiB |\n|---|---|---|---|---|")
    rows = {}
    for name in [*PEERS, NUMPY]:
        command = [python, __file__, "--child", name, path, image, str(masks)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(f"| {name} | failed: {done.stderr.strip().splitlines()[-1]} | | | |")
            continue
        rows[name] = json.loads(done.stdout.strip().splitlines()[-1])
        print(row(name, rows[name], masks))
    for method in ["rise", "mc-rise", "racm"]:
        for estimator in ["centred", "averaged"]:
            print(row(f"racm, {method}, {estimator}", racm(path, image, masks, method, estimator), masks))


def row(name, figures, masks):
    outside = figures["wall"] - figures["model"]
    rate = masks / outside
    return f'| {name} | {figures["wall"]:.2f} | {figures["model"]:.2f} | {rate:,.0f} | {figures["memory"]:.0f} |'


if __name__ == "__main__":
    main()
