"""Writes the numbers of other libraries' calibrators that packages/quantizers is tested against. See README.md."""

import json
import logging
import pathlib
import warnings

import numpy as np
import scipy.stats
import torch
from onnxruntime.quantization.calibrate import HistogramCollector
from torch.ao.quantization.observer import HistogramObserver

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)
OUT = pathlib.Path("packages/quantizers/test/oracles/calibrators.json")
BATCHES = 3
PER_BATCH = 40_000


def lowbias32(x):
    x ^= x >> 16
    x = (x * 0x21F0AAAD) & 0xFFFFFFFF
    x ^= x >> 15
    x = (x * 0x735A2D97) & 0xFFFFFFFF
    return x ^ (x >> 15)


def uniforms(seed, count):
    """The stream of `Random(seed)` in @sdq/core, so that the tensors need not be stored."""
    start = lowbias32(seed)
    return np.array([lowbias32(start ^ i) / 2**32 for i in range(count)])


def tensors():
    count = BATCHES * PER_BATCH
    names = ["normal", "laplace", "gelu", "outliers", "steps"]
    for seed, name in enumerate(names, start=1):
        u = uniforms(seed, 2 * count)
        normal = np.sqrt(-2 * np.log((u[:count] * 2**32 + 1) / (2**32 + 1))) * np.cos(2 * np.pi * u[count:])
        values = {
            "normal": normal,
            "laplace": np.sign(u[:count] - 0.5) * np.log(1 - 2 * np.abs(u[:count] - 0.5) + 1e-9),
            "gelu": normal * (1 + np.tanh(np.sqrt(2 / np.pi) * (2 * normal + 0.044715 * (2 * normal) ** 3))),
            "outliers": np.where(u[count:] > 0.998, 8, 1) * normal,
            # Few different values, in the middle of bins: most bins are empty.
            "steps": (np.floor(16 * normal) + 0.4) / 16,
        }[name]
        # The largest magnitude just below a power of two: there both libraries' histograms have the same bins.
        values[0] = 2 ** np.ceil(np.log2(np.abs(values).max())) * (1 - 2**-23)
        yield name, values.astype(np.float32)


def divergence(counts, i, merged=128, epsilon=1e-7):
    """What onnxruntime's calibrator minimises, by scipy and without three faults of it: it truncates the coarsened
    histogram to integers, leaves the bins that a merge does not reach at zero, and spreads a merged bin over bins that are
    empty too, which the published algorithm keeps empty."""
    middle = len(counts) // 2
    inside = counts[middle - i : middle + i].astype(np.float64)
    p = inside.copy()
    p[0] += counts[: middle - i].sum()
    p[-1] += counts[middle + i :].sum()
    q = np.zeros_like(p)
    for part in np.split(np.arange(2 * i), np.arange(1, merged) * (2 * i // merged)):
        filled = np.count_nonzero(p[part])
        if filled:
            q[part] = np.where(p[part] > 0, inside[part].sum() / filled, 0)
    if not q.any():
        return np.inf
    smooth = lambda x: np.where(x > 0, x - epsilon * (x == 0).sum() / (x > 0).sum(), epsilon)
    return float(scipy.stats.entropy(smooth(p), smooth(q)))


def main():
    cases = []
    for name, values in tensors():
        batches = values.reshape(BATCHES, PER_BATCH)
        # All at once: the collector's own merging of batches moves its bins.
        entropy = HistogramCollector(
            method="entropy", symmetric=False, num_bins=4096, num_quantized_bins=128, percentile=99.99, scenario="same"
        )
        entropy.collect({name: values})
        low, high = entropy.compute_collection_result()[name][:2]
        counts, edges, *_ = entropy.histogram_dict[name]
        divergences = {i: divergence(counts, i) for i in range(64, len(counts) // 2 + 1)}
        best = min(divergences, key=divergences.get)
        theirs = round(float(max(-low, high)) / float(edges[1] - edges[0]))
        torch_ranges = {}
        # The least squared error of few different values is no question of ranges.
        for bits in () if name == "steps" else (8, 4):
            observer = HistogramObserver(
                bins=2048, dtype=torch.quint8, qscheme=torch.per_tensor_affine, quant_min=0, quant_max=2**bits - 1
            )
            for batch in batches:
                observer(torch.tensor(batch))
            scale, zero_point = observer.calculate_qparams()
            torch_ranges[str(bits)] = {"scale": float(scale), "zeroPoint": int(zero_point)}
        cases.append(
            {
                "name": name,
                # To notice a change of the stream; the tensors themselves are drawn again by the test.
                "sum": float(values.astype(np.float64).sum()),
                "entropy": {
                    "threshold": float(edges[len(counts) // 2 + best]),
                    "divergence": divergences[best],
                    "onnxruntime": {"threshold": float(max(-low, high)), "divergence": divergences[theirs]},
                },
                "mse": torch_ranges,
            }
        )
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({"batches": BATCHES, "perBatch": PER_BATCH, "cases": cases}, indent=2) + "\n")


if __name__ == "__main__":
    main()
