"""One judge for every map: Insertion and Deletion in rank order, in NumPy.

The elements of the image are taken in the map's order, most important first, ties by index (channel by
channel, row by row): pixels with all their channels, by the mean of the map's planes, or each channel
of a pixel by itself, where a map of one plane counts for every channel. 100 equal steps (of
ceil(elements / 100)), both ends scored, trapezoid over the fraction changed. Insertion starts from black
or from RISE's blur, Deletion ends in black.

    python judge.py JOB.json     judges maps in the environment `tools` (equal_calls.py writes the job)
"""

import json
import sys
from pathlib import Path

import numpy as np
from scipy.ndimage import correlate1d, gaussian_filter1d

from common import Model, read_image

STEPS, BATCH = 100, 32


def rise_blur(image):
    """[C, H, W] behind RISE's gkern(11, 5), zeros beyond the edge. The kernel is a product of two lines."""
    weights = gaussian_filter1d(np.eye(11)[5], 5.0)
    for axis in (1, 2):
        image = correlate1d(image, weights, axis, mode="constant")
    return image


def order(found, channels, by_channel):
    """Elements of the image, most important first."""
    values = found.astype(np.float64)
    values = np.broadcast_to(values, (channels, *values.shape[1:])) if by_channel else values.mean(0)
    return np.argsort(-values.ravel(), kind="stable")


def area(model, top, start, end, ranking, steps=STEPS):
    """The area under the scores of the class `top` on the way from `start` to `end` ([C, H, W])."""
    elements = len(ranking)
    step = -(-elements // steps)
    changed = [min(i * step, elements) for i in range(-(-elements // step) + 1)]
    # A pixel is a column with all its channels, a channel of a pixel a column of its own.
    now, goal = (a.reshape(-1, elements).copy() for a in (start, end))
    states = []
    for before, after in zip([0, *changed], changed):
        now[:, ranking[before:after]] = goal[:, ranking[before:after]]
        states.append(now.copy().reshape(start.shape))
    batches = [np.stack(states[i : i + BATCH]) for i in range(0, len(states), BATCH)]
    scores = np.concatenate([model.nchw(batch)[:, top] for batch in batches]).astype(np.float64)
    return float(np.trapezoid(scores, np.array(changed) / elements))


def judged(model, image, top, found):
    """Every figure of one map [J, H, W], or why there is none."""
    if not np.isfinite(found).all():
        return {"undefined": "the map is not finite"}
    black, blurred = np.zeros_like(image), rise_blur(image)
    figures = {}
    for by_channel, elements in [(False, "pixel"), (True, "pixel-channel")]:
        ranking = order(found, len(image), by_channel)
        figures[f"{elements} insertion black"] = area(model, top, black, image, ranking)
        figures[f"{elements} deletion black"] = area(model, top, image, black, ranking)
        figures[f"{elements} insertion blur"] = area(model, top, blurred, image, ranking)
    return figures


def main(job):
    model = Model(job["model"], job["output"])
    for image_path, map_path, sign, out in job["maps"]:
        pixels = read_image(image_path)
        top, _ = model.top(pixels)
        image = np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32) / np.float32(255)
        Path(out).write_text(json.dumps(judged(model, image, top, sign * np.load(map_path))))


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
