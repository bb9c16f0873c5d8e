#!/usr/bin/env python3
"""How good are the maps at equal calls of the model: other people's tools and racm, judged by one judge.

    cargo build --release --features cli,ort
    python3 benches/peers/equal_calls.py MODEL.onnx LIST.csv --output prob [--images 43] [--calls 100,300,1000]

LIST.csv has a column `file`; the images lie beside it or in the folder of its name. Every tool explains
the top class with the same number of calls (masked images), in a process of its own, through ONNX
Runtime with one thread; tools.py has their settings, judge.py the judge. Maps and figures are kept below
target/peers/equal_calls: a command that was stopped goes on where it was, and what is known is not
made again. Writes images.csv (every image, map and figure), table.md and calls.csv (what each tool
really took) to --out.
"""

import argparse
import csv
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import common
import table
from tools import SETTINGS

METRICS = [f"{e} {m}" for e in ("pixel", "pixel-channel") for m in ("insertion black", "deletion black", "insertion blur")]


def arguments():
    def numbers(text):
        return [int(n) for n in text.split(",")]

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("list", type=Path)
    parser.add_argument("--output", help="the model's output with the scores [the first]")
    parser.add_argument("--images", type=int, help="about this many images: every k-th of the list [all]")
    parser.add_argument("--calls", type=numbers, default=[100, 300, 1000])
    parser.add_argument("--peers", default=",".join(SETTINGS), help="names in tools.py, or `none`")
    parser.add_argument("--racm", default="racm:surrogate,racm:centred,rise:surrogate,rise:centred",
                        help="METHOD:ESTIMATOR[:GRID],... of `racm explain`; the first is what all are compared with")
    parser.add_argument("--maps-only", action="store_true", help="fill the cache and make no table")
    parser.add_argument("--check", action="store_true", help="compare the judge with `racm evaluate` on one image")
    parser.add_argument("--out", type=Path, default=common.PEERS / "equal_calls")
    return parser.parse_args()


def listed(path, wanted):
    """The images of the list, every k-th."""
    with path.open(newline="") as lines:
        files = [row["file"] for row in csv.DictReader(lines)]
    step = 1 if wanted is None else -(-len(files) // wanted)
    places = [path.parent, path.parent / path.stem]
    return [next(p / f for p in places if (p / f).is_file()) for f in files[::step]]


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


class Cache:
    """Maps and figures by model, method, number of calls and image."""

    def __init__(self, model, output):
        self.model, self.output = str(model.resolve()), output
        self.folder = common.PEERS / "equal_calls" / f"{model.stem}-{digest(model)}"

    def stem(self, method, calls, image):
        """The map is STEM.npy, what it took STEM.json."""
        folder = self.folder / method.replace(":", "-") / str(calls)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / image.stem

    def record(self, method, calls, image, settings):
        """What a map took, unless there is none or it is from other settings."""
        path = self.stem(method, calls, image).with_suffix(".json")
        record = json.loads(path.read_text()) if path.exists() else None
        return record if record and record["settings"] == settings else None

    def run(self, environment, script, job):
        """Runs a script of this folder in an environment; whether it went well."""
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(job | {"model": self.model, "output": self.output}, file)
            file.flush()
            command = [common.environment(environment), common.HERE / script, file.name]
            done = subprocess.run(command, env=common.os.environ | common.QUIET, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            print(f"{script} failed ({done.returncode}): {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return done.returncode == 0


def seed(image):
    """Masks of their own for every image, so that images are independent."""
    return zlib.crc32(image.stem.encode())


def peer_maps(cache, method, calls, images):
    _, environment, settings = SETTINGS[method]
    missing = [i for i in images if not cache.record(method, calls, i, settings)]
    job = {"method": method, "calls": calls, "settings": settings}
    job["images"] = [(str(i.resolve()), seed(i), str(cache.stem(method, calls, i))) for i in missing]
    if missing:
        print(f"{method}, {calls} calls, {len(missing)} maps", file=sys.stderr)
        cache.run(environment, "tools.py", job)


def racm_maps(cache, method, calls, images):
    """A map by another build of the program is made again."""
    family, estimator, *grid = method.split(":")
    settings = digest(common.PROGRAM)
    common.environment("tools")
    for image in images:
        if cache.record(method, calls, image, settings):
            continue
        command = ["--model", cache.model, "--image", image, "--method", family, "--estimator", estimator]
        command += ["--masks", calls, "--seed", seed(image)]
        command += ["--output", cache.output] if cache.output else []
        command += ["--grid", grid[0]] if grid else []
        stem = cache.stem(method, calls, image)
        with tempfile.TemporaryDirectory() as out:
            common.racm("explain", command, out)
            report = common.report(out)
            stem.with_suffix(".npy").write_bytes((Path(out) / "map.npy").read_bytes())
        seconds = report["seconds_in_model"] + report["seconds_outside_model"]
        stem.with_suffix(".json").write_text(json.dumps({"settings": settings, "calls": calls + 1, "seconds": seconds}))


def figures_of(cache, rows, calls, images):
    """The judge's figures of every map there is."""
    wanted, found = [], {}
    for title, method, sign in rows:
        for n in calls:
            for image in images:
                path = cache.stem(method, n, image).with_suffix(".npy")
                judged = path.with_suffix(".judged.json" if sign > 0 else ".judged-negated.json")
                if not path.exists():
                    continue
                if not judged.exists() or judged.stat().st_mtime < path.stat().st_mtime:
                    wanted.append((str(image.resolve()), str(path), sign, str(judged)))
                found[title, n, image.stem] = judged
    if wanted:
        print(f"judging {len(wanted)} maps", file=sys.stderr)
        if not cache.run("tools", "judge.py", {"maps": wanted}):
            raise SystemExit(1)
    return {key: json.loads(path.read_text()) for key, path in found.items()}


def check(cache, image, calls=300):
    """The judge beside `racm evaluate`, on racm's own map of an image; both draw the same masks."""
    method = "racm:centred"
    racm_maps(cache, method, calls, [image])
    figures = figures_of(cache, [(method, method, 1)], [calls], [image])[method, calls, image.stem]
    for elements in ("pixel", "pixel-channel"):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / image.name).write_bytes(image.read_bytes())
            command = ["--model", cache.model, "--images", folder, "--methods", "racm", "--masks", calls]
            command += ["--estimator", "centred", "--seed", seed(image), "--elements", elements + "s", "--metrics", "insertion,deletion"]
            command += ["--output", cache.output] if cache.output else []
            common.racm("evaluate", command, Path(folder) / "out")
            lines = list(csv.DictReader((Path(folder) / "out" / "images.csv").open()))
        for line in lines:
            if line["map"] == "racm":
                name = f"{elements} {line['metric'].removesuffix('_rank')} black"
                print(f"{name}: {figures[name]:.12f} here, {float(line['value']):.12f} by racm evaluate")


def write(args, cache, rows, figures, images):
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "images.csv").open("w", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(["image", "map", "calls", "figure", "value"])
        for (title, n, image), values in figures.items():
            lines.writerows([image, title, n, *item] for item in values.items())
    with (args.out / "calls.csv").open("w", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(["map", "calls", "calls_taken", "median_seconds_a_map", "settings"])
        for title, method, sign in rows:
            for n in args.calls:
                paths = [cache.stem(method, n, image).with_suffix(".json") for image in images]
                records = [json.loads(p.read_text()) for p in paths if p.exists()]
                if sign > 0 and records:
                    taken = sorted({r["calls"] for r in records})
                    taken = f"{taken[0]} to {taken[-1]}" if len(taken) > 1 else taken[0]
                    # The median: the first map of a process pays for imports and compilation.
                    seconds = statistics.median(r["seconds"] for r in records)
                    settings = SETTINGS[method][2] if method in SETTINGS else "defaults"
                    lines.writerow([title, n, taken, f"{seconds:.2f}", settings])
    titles = [title for title, _, _ in rows]
    text = table.markdown(figures, titles, METRICS, args.calls, [i.stem for i in images])
    (args.out / "table.md").write_text(text)
    print(text)
    print((args.out / "calls.csv").read_text())


def main():
    args = arguments()
    images = listed(args.list, args.images)
    cache = Cache(args.model, args.output)
    if args.check:
        check(cache, images[0])
        return
    peers = [] if args.peers == "none" else args.peers.split(",")
    ours = [] if args.maps_only else args.racm.split(",")
    for n in args.calls:
        for method in peers:
            peer_maps(cache, method, n, images)
        for method in ours:
            racm_maps(cache, method, n, images)
    if args.maps_only:
        return
    rows = [(f"racm, {m.replace(':', ', ')}", m, 1) for m in ours]
    for method in peers:
        rows.append((SETTINGS[method][0], method, 1))
        if method == "xaitk-mc-rise":
            # What painting takes away, and not what it does.
            rows.append((f"{SETTINGS[method][0]}, sign turned", method, -1))
    write(args, cache, rows, figures_of(cache, rows, args.calls, images), images)


if __name__ == "__main__":
    main()
