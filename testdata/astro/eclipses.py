"""Edges of umbra and penumbra, and illuminated shares, of sixteen satellites of fleet.tle over one day, spherical Earth.

Tools: sgp4 2.27 (states in TEME), pyerfa 2.0.1.5 (the Sun, brought to TEME as in sun_moon.py), numpy 2.4.6,
       brahe 1.8.0 (eclipse_conical, a second opinion on the illuminated share inside the penumbra).
Command: pip install sgp4==2.27 pyerfa==2.0.1.5 numpy==2.4.6 brahe==1.8.0 && python eclipses.py > eclipses.csv
Method: apparent radii of Sun and Earth as seen from the satellite, scanned every 5 s, bisected to 0.1 ms. Share is given in
the middle between penumbra_in and umbra_in. Rows with an edge at the ends of the day are left out.
"""

import sys

import brahe
import numpy as np
import sun_moon
from sgp4.api import Satrec

SATELLITES = [0, 1, 2, 3, 6, 9, 20, 41, 60, 93, 94, 95, 96, 97, 98, 99]
SUN_RADIUS_M, EARTH_RADIUS_M = 695.7e6, 6378137.0
MIDNIGHT = 2461247.5
lines = open("fleet.tle").read().splitlines()
hourly = [sun_moon.sun(MIDNIGHT + h / 24.0 + 69.184 / 86400.0) for h in range(25)]


def sun_m(second):
    """Straight line between hourly values: 1e-7 rad."""
    hour = min(int(second / 3600.0), 23)
    share = second / 3600.0 - hour
    (d0, m0), (d1, m1) = hourly[hour], hourly[hour + 1]
    return (d0 + share * (d1 - d0)) * (m0 + share * (m1 - m0))


def position_m(record, second):
    error, r, _ = record.sgp4(MIDNIGHT, second / 86400.0)
    assert error == 0
    return np.array(r) * 1e3


def angles(record, second):
    r = position_m(record, second)
    to_sun = sun_m(second) - r
    separation = np.arctan2(np.linalg.norm(np.cross(to_sun, -r)), to_sun @ -r)
    return separation, np.arcsin(SUN_RADIUS_M / np.linalg.norm(to_sun)), np.arcsin(EARTH_RADIUS_M / np.linalg.norm(r))


def edges(record, depth):
    """Every change of sign of depth(angles) over the day."""
    found, last = [], depth(*angles(record, 0.0))
    for second in np.arange(5.0, 86400.1, 5.0):
        value = depth(*angles(record, second))
        if (value > 0.0) != (last > 0.0):
            low, high = second - 5.0, second
            while high - low > 1e-4:
                middle = 0.5 * (low + high)
                low, high = (middle, high) if (depth(*angles(record, middle)) > 0.0) == (last > 0.0) else (low, middle)
            found.append((0.5 * (low + high), value > 0.0))
        last = value
    return found


print("# sgp4 2.27, pyerfa 2.0.1.5, brahe 1.8.0; python eclipses.py > eclipses.csv; see eclipses.py")
print("satellite,penumbra_in_s,umbra_in_s,umbra_out_s,penumbra_out_s,share_half_way_in")
for number in SATELLITES:
    record = Satrec.twoline2rv(lines[2 * number], lines[2 * number + 1])
    penumbra = edges(record, lambda c, sun, earth: sun + earth - c)
    umbra = edges(record, lambda c, sun, earth: earth - sun - c)
    while penumbra and not penumbra[0][1]:
        penumbra.pop(0)
    for (begin, _), (end, _) in zip(penumbra[0::2], penumbra[1::2]):
        inside = [moment for moment, _ in umbra if begin < moment < end]
        if len(inside) == 2:
            half = 0.5 * (begin + inside[0])
            share = brahe.eclipse_conical(position_m(record, half), sun_m(half))
            print(f"{number},{begin:.4f},{inside[0]:.4f},{inside[1]:.4f},{end:.4f},{share:.5f}")
        else:
            print(f"{number},{begin:.4f},,,{end:.4f},")
    print(number, len(penumbra) // 2, "eclipses", file=sys.stderr)
