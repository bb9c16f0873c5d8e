"""Other people's tools, each as a function (model, image, top class, calls, seed) -> a function that makes the map.

Images are [H, W, C] in 0..255, maps [J, H, W], higher is more important. SETTINGS has what each is told:
its own or its paper's defaults but for the number of calls.

    python tools.py JOB.json     makes the maps of one tool, in its environment (equal_calls.py writes the job)
"""

import json
import random
import sys
import time
from pathlib import Path

from common import Model, read_image

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255), (0, 255, 255), (255, 255, 255)]
# Sobol' takes designs x (cells + 2) calls, designs a power of two, so its own 8 x 8 cells are too many for
# 100 calls. [cells a side, designs] by number of calls: the best of several on signs[1::9].
SOBOL = {100: (3, 8), 300: (4, 16), 1000: (5, 32)}
# name: (title, environment, settings)
SETTINGS = {
    "xplique-rise": ("Xplique RISE", "xplique", "7 x 7 cells, p 0.5"),
    "xplique-hsic": ("Xplique HSIC", "xplique", "8 x 8 cells, Sobol' sequence, RBF kernel"),
    "xplique-rise-5": ("Xplique RISE, 5 x 5", "xplique", "5 x 5 cells, p 0.5"),
    "xplique-hsic-5": ("Xplique HSIC, 5 x 5", "xplique", "5 x 5 cells, else as HSIC"),
    "xplique-sobol": ("Xplique Sobol'", "xplique", f"[cells a side, designs] by calls: {SOBOL}"),
    "xplique-lime": ("Xplique LIME", "xplique", "quickshift segments, grey, ridge 2, kernel width 45"),
    "xplique-kernel-shap": ("Xplique KernelSHAP", "xplique", "quickshift segments, grey"),
    "xaitk-rise": ("XAITK RISE", "tools", "8 x 8 cells, p 0.5, debiased"),
    "xaitk-mc-rise": ("XAITK MC-RISE", "tools", "8 x 8 cells, p 0.5, seven colours; by channel through Eq. 12"),
    "dianna-rise": ("DIANNA RISE", "tools", "8 x 8 cells, p 0.5 (its search for p takes 900 calls more)"),
    "shap-partition-blur": ("SHAP partition, blur", "tools", "masker blur(128,128)"),
    "shap-partition-inpaint": ("SHAP partition, inpaint", "tools", "masker inpaint_telea"),
}


def xaitk(model, image, top, calls, seed, colours=False):
    from smqtk_classifier import ClassifyImage
    from xaitk_saliency.impls.gen_image_classifier_blackbox_sal.mc_rise import MCRISEStack
    from xaitk_saliency.impls.gen_image_classifier_blackbox_sal.rise import RISEStack

    class Classifier(ClassifyImage):
        """The top class only: the tool computes a map for every label it is told of."""

        def get_labels(self):
            return [top]

        def classify_images(self, images):
            batch = []
            for one in images:
                batch.append(one)
                if len(batch) == model.batch:
                    yield from ({top: float(s[top])} for s in model.hwc(batch))
                    batch = []
            if batch:
                yield from ({top: float(s[top])} for s in model.hwc(batch))

        def get_config(self):
            return {}

    if not colours:
        stack = RISEStack(calls, 8, 0.5, seed, model.threads)
        return lambda: stack.generate(image, Classifier())
    stack = MCRISEStack(calls, 8, 0.5, COLOURS, seed, model.threads)

    def by_channel():
        import numpy as np

        share = np.array(COLOURS) / 255.0
        return np.einsum("ic,ihw->chw", share / share.sum(0), stack.generate(image, Classifier())[:, 0])

    return by_channel


def dianna(model, image, top, calls, seed):
    from dianna.methods.rise_image import RISEImage

    rise = RISEImage(calls, 8, 0.5, axis_labels={2: "channels"})
    return lambda: rise.explain(lambda batch: model.hwc(list(batch)), image.astype("float32"), [top], batch_size=model.batch)


def shap_partition(masker, model, image, top, calls, seed):
    import shap

    explainer = shap.Explainer(
        lambda batch: model.hwc(list(batch))[:, top], shap.maskers.Image(masker, image.shape), algorithm="partition"
    )
    pixels = image[None].astype("float64")
    return lambda: explainer(pixels, max_evals=calls, batch_size=model.batch, silent=True).values[0].transpose(2, 0, 1)


def xplique(name, model, image, top, calls, seed):
    import numpy as np
    import tensorflow as tf
    from xplique import attributions

    def operator(_, images, targets):
        return tf.constant(model.nchw(images.numpy().transpose(0, 3, 1, 2))[:, top])

    tf.random.set_seed(seed)
    method = name.removesuffix("-5")
    if method == "sobol" and calls not in SOBOL:
        raise SystemExit(f"SOBOL has no setting for {calls} calls")
    tool, options = {
        "rise": ("Rise", {"nb_samples": calls}),
        "hsic": ("HsicAttributionMethod", {"nb_design": calls}),
        "sobol": ("SobolAttributionMethod", dict(zip(["grid_size", "nb_design"], SOBOL.get(calls, ())))),
        "lime": ("Lime", {"nb_samples": calls}),
        "kernel-shap": ("KernelShap", {"nb_samples": calls}),
    }[method]
    if name.endswith("-5"):
        options["grid_size"] = 5
    pixels = image[None].astype(np.float32) / 255.0
    explainer = getattr(attributions, tool)(model.nchw, operator=operator, batch_size=model.batch, **options)
    return lambda: explainer.explain(pixels, np.ones((1, 1), np.float32)).numpy()[0].transpose(2, 0, 1)


def prepared(name, *given):
    """The function that makes the map of the tool `name`."""
    family, _, method = name.partition("-")
    if family == "xplique":
        return xplique(method, *given)
    if family == "xaitk":
        return xaitk(*given, colours=method == "mc-rise")
    if family == "dianna":
        return dianna(*given)
    masker = {"partition-blur": "blur(128,128)", "partition-inpaint": "inpaint_telea"}[method]
    return shap_partition(masker, *given)


def main(job):
    import numpy as np

    model = Model(job["model"], job["output"])
    for image_path, seed, out in job["images"]:
        image = read_image(image_path)
        top, score = model.top(image)
        random.seed(seed)
        np.random.seed(seed)
        started = time.perf_counter()
        found = np.asarray(prepared(job["method"], model, image, top, job["calls"], seed)(), dtype=np.float32)
        seconds = time.perf_counter() - started
        record = {"settings": job["settings"], "calls": model.images, "seconds": seconds, "class": top, "score": score}
        np.save(out + ".npy", found.reshape(-1, *image.shape[:2]))
        Path(out + ".json").write_text(json.dumps(record))


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
