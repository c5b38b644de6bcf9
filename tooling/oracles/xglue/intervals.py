"""Writes packages/xglue/test/oracles/intervals.json: Wilson's 95 % intervals by statsmodels (see README.md)."""

import json
from pathlib import Path

from statsmodels.stats.proportion import proportion_confint

OUT = Path(__file__).resolve().parents[3] / "packages" / "xglue" / "test" / "oracles" / "intervals.json"
CASES = [(0, 1), (1, 1), (2, 3), (0, 64), (64, 64), (63, 64), (40, 99), (98, 99), (830, 2490), (1999, 2000)]


def main():
    rows = [[right, of, *map(float, proportion_confint(right, of, method="wilson"))] for right, of in CASES]
    OUT.write_text("[\n" + ",\n".join(" " + json.dumps(row) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
