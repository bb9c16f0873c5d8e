"""Means over images with standard errors, and paired differences, as Markdown."""

import math

MARKS = {"insertion": "↑", "deletion": "↓"}


def cell(values, images, signed=False):
    """`mean ± standard error`, and the number of values where it is not that of all images."""
    n = len(values)
    if n == 0:
        return "none"
    mean = sum(values) / n
    text = f"{mean:+.3f}" if signed else f"{mean:.3f}"
    if n > 1:
        error = math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1) / n)
        text += f" ± {error:.3f}"
        text = f"**{text}**" if signed and abs(mean) > 2 * error else text
    return text if n == images else f"{text} ({n})"


def markdown(figures, rows, metrics, calls, images):
    """`figures[row, n, image]` is a dict of metrics. The first row is what the others are compared with."""
    heads = " | ".join(f"{metric} {MARKS[metric.split()[1]]}" for metric in metrics)
    text = f"Means over {len(images)} images ± standard errors. **Bold**: more than two of them from no difference.\n"

    def grid(title, n, shown, value):
        lines = ["", f"## {title}", "", f"| map | {heads} |", "|---|" + "---|" * len(metrics)]
        for row in shown:
            found = [[value(row, n, image, metric) for image in images] for metric in metrics]
            found = [[v for v in values if v is not None] for values in found]
            cells = [cell(values, len(images), shown is not rows) for values in found]
            lines.append(f"| {row} | " + " | ".join(cells) + " |")
        return "\n".join(lines) + "\n"

    def one(row, n, image, metric):
        return figures.get((row, n, image), {}).get(metric)

    def difference(row, n, image, metric):
        a, b = (one(r, n, image, metric) for r in (row, rows[0]))
        return None if a is None or b is None else a - b

    for n in calls:
        text += grid(f"{n} calls", n, rows, one)
        text += grid(f"{n} calls, less {rows[0]}, image by image", n, rows[1:], difference)
    return text
