"""Tools that only overhead.py measures, as functions like those of tools.py.

A feature is one of 8 x 8 cells, by channel where the tool lets features be part of a channel.
"""

CELLS = 8


def cells(height, width):
    """The cell of every pixel, counted row by row."""
    import numpy as np

    row, column = np.arange(height) * CELLS // height, np.arange(width) * CELLS // width
    return row[:, None] * CELLS + column


def chw(image):
    """[1, C, H, W] in 0..1."""
    return image.transpose(2, 0, 1)[None].astype("float32") / 255


def captum(method, model, image, top, calls, seed):
    import torch
    from captum import attr

    torch.manual_seed(seed)
    pixels = torch.from_numpy(chw(image))
    channels = pixels.shape[1]
    labels = torch.from_numpy(cells(*image.shape[:2]))
    features = torch.stack([labels + channel * CELLS**2 for channel in range(channels)])[None]
    tool, options = {
        "ablation": ("FeatureAblation", {}),
        "kernel-shap": ("KernelShap", {"n_samples": calls}),
        "shapley-sampling": ("ShapleyValueSampling", {"n_samples": max(calls // (channels * CELLS**2), 1)}),
    }[method]
    explainer = getattr(attr, tool)(lambda batch: torch.from_numpy(model.nchw(batch.numpy())))
    options |= {"target": top, "feature_mask": features, "perturbations_per_eval": model.batch}
    return lambda: explainer.attribute(pixels, **options)[0].numpy()


def openvino(method, model, image, top, calls, seed):
    """The tool asks its own OpenVINO model, image by image; here `model` stands in its place."""
    from openvino_xai.methods.black_box.aise.classification import AISEClassification
    from openvino_xai.methods.black_box.rise import RISE

    tool, options = {
        "rise": (RISE, {"num_masks": calls, "num_cells": CELLS, "seed": seed}),
        # Two images a step, and three widths of kernels.
        "aise": (AISEClassification, {"num_iterations_per_kernel": calls // 6}),
    }[method]

    class Asked(tool):
        def model_forward(self, x, preprocess=True):
            return model.nchw(x)

    explainer = Asked(None, postprocess_fn=lambda scores: scores, prepare_model=False)
    options |= {"target_indices": [top], "scale_output": False}
    return lambda: explainer.generate_saliency_map(chw(image), **options)[top][None]


def shap_kernel(_, model, image, top, calls, seed):
    """The tool chooses features; which pixels these hide is left to its user."""
    import numpy as np
    import shap

    pixels, labels = chw(image), cells(*image.shape[:2])

    def scores(chosen):
        parts = [chosen[i : i + model.batch] for i in range(0, len(chosen), model.batch)]
        return np.concatenate([model.nchw(pixels * part[:, None, labels].astype("float32"))[:, top] for part in parts])

    np.random.seed(seed)
    explainer = shap.KernelExplainer(scores, np.zeros((1, CELLS**2)), silent=True)
    return lambda: explainer.shap_values(np.ones((1, CELLS**2)), nsamples=calls, silent=True)[0][labels][None]


FAMILIES = {"captum": captum, "openvino": openvino, "shap": shap_kernel}
NAMES = ["captum-ablation", "captum-kernel-shap", "captum-shapley-sampling", "openvino-rise", "openvino-aise", "shap-kernel"]


def prepared(name, *given):
    """The function that makes the map of the tool `name`."""
    family, _, method = name.partition("-")
    return FAMILIES[family](method, *given)
