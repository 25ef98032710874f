"""Writes reference.json: values of SciPy and statsmodels that the statistics are held against.

    pip install scipy statsmodels && python3 reference.py
"""
import json
import warnings
from pathlib import Path

import numpy as np
import scipy
import statsmodels
from scipy import stats
from scipy.integrate import quad
from scipy.optimize import brentq
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import DescrStatsW

warnings.simplefilter("ignore")
rng = np.random.default_rng(20240607)
out = {"made_with": {"scipy": scipy.__version__, "statsmodels": statsmodels.__version__, "numpy": np.__version__}}

out["normal"] = [
    {"x": x, "cdf": stats.norm.cdf(x), "density": stats.norm.pdf(x)}
    for x in [-8.0, -5.5, -3.0, -2.500001, -1.0, -0.1, 0.0, 1e-9, 0.4, 1.959963984540054, 2.4999, 2.5001, 4.0, 7.0]
]
out["normal_quantile"] = [
    {"p": p, "x": stats.norm.ppf(p)} for p in [1e-12, 1e-6, 0.001, 0.025, 0.2, 0.4999, 0.5, 0.6, 0.9, 0.975, 0.9999, 1 - 1e-9]
]
out["student"] = [
    {"t": t, "degrees": d, "cdf": stats.t.cdf(t, d)}
    for t in [-12.0, -3.2, -1.0, 0.0, 0.3, 2.0, 4.5]
    for d in [1, 2, 9, 49, 199, 999]
]
out["noncentral_student"] = [
    {"t": t, "degrees": d, "delta": delta, "cdf": stats.nct.cdf(t, d, delta)}
    for t in [0.5, 1.0, 2.0, 4.3, 12.7]
    for d in [1, 2, 7, 49, 199]
    for delta in [0.5, 2.0, 5.6, 12.0]
]
power = TTestPower()
out["power"] = [
    {"n": n, "effect": e, "level": level, "power": power.power(e, n, 1 - level)}
    for n in [2, 3, 5, 8, 10, 50, 200, 1000]
    for e in [0.1, 0.3, 1.0, 3.0]
    for level in [0.95, 0.99]
]

def detectable(n, wanted):
    """statsmodels' solver stops early; its answer is refined to full precision."""
    near = float(power.solve_power(None, n, 0.05, wanted))
    return brentq(lambda e: power.power(e, n, 0.05) - wanted, near - 1e-4, near + 1e-4, xtol=1e-14)


out["detectable"] = [
    {"n": n, "power": p, "effect": detectable(n, p)} for n in [3, 4, 5, 8, 10, 20, 100, 200, 500] for p in [0.8, 0.9]
]

paired = []
for n, centre, scale in [(2, 0.1, 1), (3, 0.02, 0.01), (8, -0.4, 0.2), (10, 0.0, 1.0), (200, 0.05, 0.5)]:
    values = np.round(rng.normal(centre, scale, n), 6)
    test = stats.ttest_1samp(values, 0)
    interval = test.confidence_interval(0.95)
    margins = []
    for margin in [0.02, 0.3]:
        p, (_, lower, _), (_, upper, _) = DescrStatsW(values).ttost_mean(-margin, margin)
        margins.append({"margin": margin, "lower": lower, "upper": upper, "p": p})
    paired.append(
        {
            "values": values.tolist(),
            "t": test.statistic,
            "p": test.pvalue,
            "low": interval.low,
            "high": interval.high,
            "equivalence": margins,
        }
    )
out["paired"] = paired

out["binomial"] = [
    {"k": k, "n": n, "p0": p0, "p": stats.binomtest(k, n, p0).pvalue}
    for k, n, p0 in [(0, 6, 0.5), (3, 17, 0.5), (5, 10, 0.5), (40, 100, 0.3), (682, 925, 0.75), (1, 1, 0.5)]
]
out["mcnemar"] = [
    {"gained": b, "lost": c, "p": mcnemar([[10, b], [c, 7]], exact=True).pvalue}
    for b, c in [(1, 0), (6, 0), (10, 2), (5, 5), (31, 17), (120, 88), (0, 40)]
]
out["holm"] = [
    {"p": p, "adjusted": multipletests(p, method="holm")[1].tolist()}
    for p in [[0.01, 0.04, 0.03, 0.005], [0.5], [0.2, 0.2, 0.01], [0.9, 0.6, 0.0001, 0.04, 0.051, 0.0499]]
]
out["kendall"] = [
    {"x": x, "y": y, "tau": stats.kendalltau(x, y).statistic}
    for x, y in [
        ([12, 2, 1, 12, 2], [1, 4, 7, 1, 0]),
        (rng.integers(0, 9, 24).tolist(), rng.integers(0, 9, 24).tolist()),
        (np.round(rng.normal(size=32), 5).tolist(), np.round(rng.normal(size=32), 5).tolist()),
    ]
]
sample = np.round(rng.exponential(2.0, 37), 6)
out["moments"] = {
    "values": sample.tolist(),
    "mean": sample.mean(),
    "sd": sample.std(ddof=1),
    "sem": stats.sem(sample),
    "skewness": stats.skew(sample),
    "quantiles": [{"p": p, "value": float(np.quantile(sample, p))} for p in [0, 0.025, 0.3, 0.5, 0.975, 1]],
}

# Bootstrap intervals are random: the mean of many of SciPy's, and the standard deviation of one of them.
def summary(statistic, data, method, repeats=40, resamples=10_000):
    ends = []
    for seed in range(repeats):
        result = stats.bootstrap(
            data, statistic, n_resamples=resamples, method=method, vectorized=True, paired=len(data) > 1, random_state=seed
        )
        ends.append([result.confidence_interval.low, result.confidence_interval.high])
    ends = np.array(ends)
    return {
        "low": ends[:, 0].mean(),
        "high": ends[:, 1].mean(),
        "sd": ends.std(axis=0, ddof=1).tolist(),
        "repeats": repeats,
        "resamples": resamples,
    }


def mean(x, axis):
    return np.mean(x, axis=axis)


def ratio(x, y, axis):
    return np.sum(x, axis=axis) / np.sum(y, axis=axis)


def exp_ratio(x, y, axis):
    return np.exp(np.sum(x, axis=axis) / np.sum(y, axis=axis))


skewed = np.round(rng.exponential(1.0, 40), 6)
changes = np.round(rng.choice([-1, 0, 0, 0, 1, 1], size=120) / 3 + rng.normal(0, 0.1, 120), 6)
nats = np.round(rng.gamma(3.0, 20.0, 60), 6)
words = rng.integers(5, 60, 60).astype(float)
out["bootstrap"] = [
    {"name": name, "columns": [c.tolist() for c in columns], "statistic": which, "percentile": summary(f, columns, "percentile"), "bca": summary(f, columns, "BCa")}
    for name, columns, which, f in [
        ("a skewed mean of 40", (skewed,), "mean", mean),
        ("paired differences of 120 documents", (changes,), "mean", mean),
        ("a ratio of 60 documents", (nats, words), "ratio", ratio),
        ("a perplexity of 60 documents", (nats / 40, words), "exp_ratio", exp_ratio),
    ]
]
# P(|sqrt(seeds) T + sqrt(documents) Z| <= c) = level, T Student's t and Z normal: half the interval over documents and seeds.
def crossed(seeds, documents, degrees, level):
    # With T written as t.ppf(u), the probability is an integral over (0, 1); its two halves are alike.
    def inside(c):
        def at(u):
            t = np.sqrt(seeds) * stats.t.ppf(u, degrees)
            return stats.norm.cdf((c - t) / np.sqrt(documents)) - stats.norm.cdf((-c - t) / np.sqrt(documents))

        return 2 * quad(at, 0.5, 1, epsabs=1e-12, epsrel=1e-12, limit=500)[0]

    return brentq(lambda c: inside(c) - level, 0.1, 60, xtol=1e-13)


out["crossed"] = [
    {"seeds": v, "documents": w, "degrees": d, "level": level, "half": crossed(v, w, d, level)}
    for d in [2, 4, 7, 9]
    for v, w in [(0.5, 0.5), (1.0, 4.0), (4.0, 1.0)]
    for level in [0.9, 0.95]
]
out["student_quantiles"] = [
    {"degrees": d, "values": stats.t.ppf((np.arange(8) + 0.5) / 8, d).tolist(), "last_of_10000": stats.t.ppf(0.99995, d)}
    for d in [1, 2, 7, 9]
]
# Where SciPy's own series gives up (NaN), there is nothing to compare with.
out["power"] = [row for row in out["power"] if np.isfinite(row["power"])]
out["noncentral_student"] = [row for row in out["noncentral_student"] if np.isfinite(row["cdf"])]
Path(__file__).with_name("reference.json").write_text(json.dumps(out, separators=(",", ":"), allow_nan=False) + "\n")
