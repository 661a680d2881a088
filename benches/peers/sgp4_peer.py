"""Prints how many SGP4 propagations a second heyoka's batch propagator and the C++ of the Python package sgp4 do.

The work of crates/sunward-astro/benches/sgp4.rs: 5,000 satellites x 1,440 minutes, position and velocity, one thread.

python3 -m pip install heyoka==7.13.2 sgp4==2.27 numpy; python3 benches/peers/sgp4_peer.py
"""
import os
import time

os.environ["TBB_NUM_THREADS"] = "1"
import heyoka
import numpy as np
from sgp4.api import WGS72, Satrec, SatrecArray

heyoka.set_nthreads(1)
SATELLITES, MINUTES, RUNS = 5000, 1440, 5
EPOCH_JD, EPOCH_FRACTION = 2461247.5, 4.0 / 24.0


def shell():
    k = np.arange(SATELLITES)
    turn = 2 * np.pi / SATELLITES
    motion = (15.05 + 1e-5 * k) * 2 * np.pi / 1440
    fixed = np.ones(SATELLITES)
    return np.array([
        motion, 0.001 * fixed, np.radians(53.0) * fixed, turn * k, turn * (k * 7 % SATELLITES),
        turn * (k * 31 % SATELLITES), 1e-4 * fixed, EPOCH_JD * fixed, EPOCH_FRACTION * fixed,
    ])


def rate(work):
    start = time.perf_counter()
    work()
    return SATELLITES * MINUTES / (time.perf_counter() - start) / 1e6


def satrec(row):
    satellite = Satrec()
    motion, e, i, node, argument, anomaly, drag, jd, fraction = row
    satellite.sgp4init(WGS72, "i", 1, jd + fraction - 2433281.5, drag, 0.0, 0.0, e, argument, i, anomaly, motion, node)
    return satellite


elements = shell()
propagator = heyoka.model.sgp4_propagator(elements)
# A chunk of times at once into one buffer used again, so that the figure is not that of main memory.
CHUNK = 4
minutes = np.repeat(np.arange(MINUTES, dtype=float)[:, None], SATELLITES, axis=1)
out = np.zeros((CHUNK, 7, SATELLITES))
array = SatrecArray([satrec(row) for row in elements.T])
dates = np.full(MINUTES, EPOCH_JD), EPOCH_FRACTION + np.arange(MINUTES) / 1440
propagator(minutes[-CHUNK:].copy(), out=out)
_, position, _ = array.sgp4(*dates)
difference = np.abs(out[:, :3, :].transpose(2, 0, 1) - position[:, -CHUNK:]).max()
# The C++ takes the epoch as one Julian date, whose rounding is 20 us or 0.2 m of flight.
print(f"heyoka {heyoka.__version__} and the C++ of the same elements: {difference * 1e3:.2f} m apart at most")


def by_chunks():
    for first in range(0, MINUTES, CHUNK):
        propagator(minutes[first:first + CHUNK], out=out)


for run in range(1, RUNS + 1):
    batch = rate(by_chunks)
    plain = rate(lambda: array.sgp4(*dates)) if run == 1 else plain
    print(f"run {run}: heyoka {batch:.1f} M/s, sgp4 (C++) {plain:.2f} M/s")
