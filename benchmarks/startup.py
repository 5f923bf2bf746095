"""What importing costs beyond numpy: median of fresh interpreters, alternating.

python benchmarks/startup.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time


def seconds(code: str) -> float:
    clock = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - clock


def main() -> None:
    pairs = [(seconds("import numpy"), seconds("import napari_unet, numpy")) for _ in range(9)]
    numpy_alone = statistics.median(a for a, _ in pairs)
    both = statistics.median(b for _, b in pairs)
    print(f"numpy alone {numpy_alone:.3f} s, with napari_unet {both:.3f} s")


if __name__ == "__main__":
    main()
