"""Eclipse edges of the fleet of testdata/astro over one day: prints NAME SECONDS COUNT a peer.

pip install brahe==1.8.0 sgp4==2.27 numpy
brahe: eclipse_conical on a 60 s grid of SGP4 states (python-sgp4's array call), then bisection of both penumbra edges to
1 ms on SGP4; every tenth satellite, time and count times ten. It has no function for edges of its own.
"""

import pathlib
import time

import brahe
import numpy as np
from sgp4.api import Satrec

DATA = pathlib.Path(__file__).parents[4] / "testdata" / "astro"
lines = (DATA / "fleet.tle").read_text().splitlines()
MIDNIGHT, EVERY = 2461247.5, 10
brahe.set_global_eop_provider(brahe.StaticEOPProvider.from_zero())
start = brahe.Epoch.from_datetime(2026, 7, 26, 0, 0, 0.0, 0.0, brahe.TimeSystem.UTC)


def lit(record, sun, day):
    return brahe.eclipse_conical(np.array(record.sgp4(MIDNIGHT, day)[1]) * 1e3, sun) >= 1.0


begin, count = time.perf_counter(), 0
days = np.arange(0.0, 1.0 + 1e-9, 60.0 / 86400.0)
suns = [brahe.sun_position(start + float(day) * 86400.0) for day in days]
for k in range(0, len(lines), 2 * EVERY):
    record = Satrec.twoline2rv(lines[k], lines[k + 1])
    _, positions, _ = record.sgp4_array(np.full(len(days), MIDNIGHT), days)
    light = [brahe.eclipse_conical(r * 1e3, sun) >= 1.0 for r, sun in zip(positions, suns)]
    for step in range(1, len(days)):
        if light[step] != light[step - 1]:
            low, high = days[step - 1], days[step]
            while (high - low) * 86400.0 > 1e-3:
                middle = 0.5 * (low + high)
                low, high = (middle, high) if lit(record, suns[step], middle) == light[step - 1] else (low, middle)
            count += light[step - 1]
print("brahe", f"{(time.perf_counter() - begin) * EVERY:.3f}", count * EVERY)
