#!/usr/bin/env python3
"""What tools cost beside the model, and whether they repeat themselves: other people's and racm.

    cargo build --release --features cli,ort
    python3 benches/peers/overhead.py [--calls 1000] [--tools xaitk-rise,racm,...]

The model is the mean of 8 x 8 pixels, which costs next to nothing, and the image 224 x 224 x 3 random
values, so that what is seen is the tool. Every run is a process of its own, told to use one thread.
Printed for each tool:

- calls: images that the model was asked about;
- CPU: seconds of the processor, user and system, of the explanation less those inside the model, after
  an explanation of a small image. The lowest of three processes;
- memory: the highest above the start of the explanation, everything loaded;
- the same map, to the bit, in another process with the same seed (and the shared generators of NumPy,
  Python and the framework seeded), with batches of 8 rather than 32, and with 4 threads of the tool's own
  rather than none: yes, the largest difference as a share of the map's range, or - where the tool offers
  no such choice. A tool whose map is the same for another seed, too, is marked.

For racm it is the program, with the model in ONNX Runtime: CPU and memory are those of the whole process
less those of a run of two masks, so the model's CPU is in it. Needs Linux. Environments as in compare.py; that of
Captum takes 5 GB, for PyTorch brings CUDA, which nothing here uses.
"""

import argparse
import importlib.metadata
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import common

SIDE, PATCH = 224, 4
BASE = {"seed": 0, "batch": 32, "threads": 0}
# name: (title, package, environment, what of `batch` and `threads` the tool lets its user choose)
TOOLS = {
    "xaitk-rise": ("XAITK RISE", "xaitk-saliency", "tools", ["batch", "threads"]),
    "xaitk-mc-rise": ("XAITK MC-RISE", "xaitk-saliency", "tools", ["batch", "threads"]),
    "dianna-rise": ("DIANNA RISE", "dianna", "tools", ["batch"]),
    "shap-partition-blur": ("SHAP partition, blur", "shap", "tools", ["batch"]),
    "shap-kernel": ("SHAP kernel, 64 cells", "shap", "tools", ["batch"]),
    "xplique-rise": ("Xplique RISE", "xplique", "xplique", ["batch"]),
    "xplique-sobol": ("Xplique Sobol'", "xplique", "xplique", ["batch"]),
    "xplique-hsic": ("Xplique HSIC", "xplique", "xplique", ["batch"]),
    "captum-ablation": ("Captum FeatureAblation", "captum", "torch", ["batch"]),
    "captum-kernel-shap": ("Captum KernelShap", "captum", "torch", ["batch"]),
    "captum-shapley-sampling": ("Captum ShapleyValueSampling", "captum", "torch", ["batch"]),
    "openvino-rise": ("OpenVINO XAI RISE", "openvino-xai", "openvino", []),
    "openvino-aise": ("OpenVINO XAI AISE", "openvino-xai", "openvino", []),
}
# With the estimator of the others, the sum over masks, and with our own.
OURS = {
    "racm-rise": ("racm RISE, centred", "rise", "centred"),
    "racm-mc-rise": ("racm MC-RISE, centred", "mc-rise", "centred"),
    "racm": ("racm RaCM, centred", "racm", "centred"),
    "racm-averaged": ("racm RaCM, averaged", "racm", "averaged"),
}


class Patch:
    """The mean of the middle 8 x 8 pixels, and one less it; counts images, and CPU time inside."""

    def __init__(self, batch, threads):
        self.batch, self.threads, self.seconds, self.images = batch, threads, 0.0, 0

    def scored(self, images, axes):
        import numpy as np

        started = time.process_time()
        means = []
        for image in images:
            middle = tuple(slice(n // 2 - PATCH, n // 2 + PATCH) if a in axes else slice(None) for a, n in enumerate(image.shape))
            # In one layout, so that a score does not depend on how a tool stores its images.
            means.append(np.ascontiguousarray(image[middle], dtype=np.float64).mean())
        scores = np.array([[mean, 1 - mean] for mean in means], dtype=np.float32)
        self.images += len(means)
        self.seconds += time.process_time() - started
        return scores

    def nchw(self, batch):
        return self.scored(batch, (1, 2))

    def hwc(self, images):
        return self.scored(images, (0, 1)) / 255


def picture(side):
    import numpy as np

    return np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)


def memory(field):
    """MiB of this process: VmRSS now, VmHWM the highest since it was reset."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def child(job):
    """One explanation in this process."""
    import more_tools
    import numpy as np
    import tools

    name, model = job["tool"], Patch(job["batch"], job["threads"])
    module = more_tools if name in more_tools.NAMES else tools
    # What is compiled or loaded at the first use is no part of the cost.
    module.prepared(name, model, picture(32), 0, 100, job["seed"])()
    explain = module.prepared(name, model, picture(SIDE), 0, job["calls"], job["seed"])
    # Some draw from the generators that everything in a process shares.
    random.seed(job["seed"])
    np.random.seed(job["seed"])
    model.seconds, model.images = 0.0, 0
    Path("/proc/self/clear_refs").write_text("5")
    before, started = memory("VmRSS"), time.process_time()
    found = np.asarray(explain())
    cpu = time.process_time() - started - model.seconds
    np.save(job["map"], found)
    print(json.dumps({"calls": model.images, "cpu": cpu, "memory": memory("VmHWM") - before,
                      "version": importlib.metadata.version(TOOLS[name][1])}))


def peer(name, calls, found, changed):
    """Runs a tool in a process of its own; its map is written to `found`."""
    job = {"tool": name, "calls": calls, "map": str(found)} | BASE | changed
    command = [common.environment(TOOLS[name][2]), __file__, "--child", json.dumps(job)]
    done = subprocess.run(command, env=os.environ | common.QUIET, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{name} failed ({done.returncode}): {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def write_patch_model(folder):
    """The same model as an ONNX file, and the same image as an array."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    low, high = SIDE // 2 - PATCH, SIDE // 2 + PATCH
    constants = {"from": [low, low], "to": [high, high], "axes": [2, 3], "one": [1.0], "shape": [-1, 1]}
    tensors = [numpy_helper.from_array(np.array(v, np.float32 if k == "one" else np.int64), k) for k, v in constants.items()]
    nodes = [
        helper.make_node("Slice", ["image", "from", "to", "axes"], ["middle"]),
        helper.make_node("ReduceMean", ["middle"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Reshape", ["mean", "shape"], ["column"]),
        helper.make_node("Sub", ["one", "column"], ["rest"]),
        helper.make_node("Concat", ["column", "rest"], ["scores"], axis=1),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 2])
    graph = helper.make_graph(nodes, "patch", [image], [scores], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), f"{folder}/patch.onnx")
    np.save(f"{folder}/image.npy", picture(SIDE).transpose(2, 0, 1).astype(np.float32) / 255)


def racm(name, calls, found, changed):
    """Runs the program, and before that for next to no masks."""
    job, folder = BASE | changed, found.parent
    if not (folder / "patch.onnx").exists():
        subprocess.check_call([common.environment("tools"), __file__, "--write", folder])
    arguments = ["--model", folder / "patch.onnx", "--image", folder / "image.npy", "--method", OURS[name][1]]
    arguments += ["--estimator", OURS[name][2]]
    arguments += ["--target", 0, "--seed", job["seed"], "--batch", job["batch"], "--restart", "--masks"]
    threads = max(job["threads"], 1)
    none = common.racm("explain", [*arguments, 2], folder / "out", threads)
    full = common.racm("explain", [*arguments, calls], folder / "out", threads)
    found.write_bytes((folder / "out" / "map.npy").read_bytes())
    version = subprocess.check_output([common.PROGRAM, "--version"], text=True).split()[-1]
    return {"calls": calls + 1, "cpu": full[0] - none[0], "memory": full[1] - none[1], "version": version}


def same(a, b):
    """In an environment with NumPy: yes, or how far two maps are apart."""
    code = ("import numpy,sys; a,b=map(numpy.load,sys.argv[1:]); "
            "print('yes' if a.tobytes()==b.tobytes() else f'{abs(a-b).max()/(a.max()-a.min()):.1g}')")
    return subprocess.check_output([common.environment("tools"), "-c", code, a, b], text=True).strip()


def measured(name, calls, folder):
    """One row of the table."""
    title, choices, run = (OURS[name][0], list(BASE), racm) if name in OURS else (TOOLS[name][0], TOOLS[name][3], peer)
    first = folder / "first.npy"

    def beside_first(changed):
        """A run with something changed: what it took, and whether its map is the first one's."""
        other = folder / "other.npy"
        return run(name, calls, other, changed), same(first, other)

    runs = [run(name, calls, first, {})]
    answers = []
    for changed in [{}, {"seed": 1}]:
        taken, answer = beside_first(changed)
        runs.append(taken)
        answers.append(answer)
    again, reseeded = answers
    again += ", for any seed" if reseeded == "yes" else ""
    others = [beside_first({k: v})[1] if k in choices else "-" for k, v in {"batch": 8, "threads": 4}.items()]
    cpu, peak = min(r["cpu"] for r in runs), max(r["memory"] for r in runs)
    figures = [f"{title} {runs[0]['version']}", str(runs[0]["calls"]), f"{cpu:.2f}", f"{peak:.0f}"]
    return "| " + " | ".join([*figures, again, *others]) + " |"


def main():
    if sys.argv[1:2] == ["--child"]:
        child(json.loads(sys.argv[2]))
        return
    if sys.argv[1:2] == ["--write"]:
        write_patch_model(sys.argv[2])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--tools", default=",".join([*TOOLS, *OURS]))
    args = parser.parse_args()
    names = args.tools.split(",")
    if unknown := [name for name in names if name not in TOOLS and name not in OURS]:
        raise SystemExit(f"no tool {', '.join(map(repr, unknown))}; there are {', '.join([*TOOLS, *OURS])}")
    if args.calls < 100:
        raise SystemExit(f"--calls is {args.calls}; it must be at least 100")
    if not common.PROGRAM.exists() and not OURS.keys().isdisjoint(names):
        raise SystemExit(f"no {common.PROGRAM}: run `cargo build --release --features cli,ort`")
    print("| tool | calls | CPU, s | memory, MiB | again | other batch | threads |\n|---|---|---|---|---|---|---|")
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            print(measured(name, args.calls, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
