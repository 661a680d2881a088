"""Starcloud-1 over one day from 2026-07-26T04:00:00Z: sub-satellite points, passes over the mission's stations, shadow edges.

Tools: skyfield 1.55 with its builtin timescale (UT1 from its own table, leap seconds), sgp4 2.27; for the Sun pyerfa 2.0.1.5, as in
       testdata/astro/sun_moon.py (needs ephem 4.2.1 and numpy 2.4.6).
Command: pip install skyfield==1.55 sgp4==2.27 pyerfa==2.0.1.5 ephem==4.2.1 numpy==2.4.6 && python starcloud_1.py > starcloud_1.csv
Method: elements from missions/starcloud-1.toml, stations from the catalog. Skyfield's events stop at half a second and are refined
on its own altitude by bisection. Shadow: lines of sight to 720 points of the Sun's limb (1000 of its disc for the share of light)
against the ellipsoid of WGS84, every 5 s; edges are bisected.
Rows: subpoint,,seconds,latitude_deg,longitude_deg,height_m; rise|set,station,seconds,elevation_deg; the four edges,,seconds;
share,,beta_deg,mean illumination over the day every 5 s,,; altitude,,mean height in m over a sphere of 6378137 m.
"""

import os
import sys
import tomllib

import numpy as np
from skyfield.api import EarthSatellite, load, wgs84

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../astro"))
import sun_moon

SUN_RADIUS_M, EARTH_RADIUS_M, POLAR_RADIUS_M, DAY_S = 695.7e6, 6378137.0, 6356752.3142, 86400
START_JD = 2461247.5 + 4.0 / 24.0  # 2026-07-26T04:00:00Z
mission = tomllib.load(open(f"{HERE}/../../missions/starcloud-1.toml", "rb"))
catalog = tomllib.load(open(f"{HERE}/../../crates/sunward-catalog/data/stations.toml", "rb"))["station"]
lines = mission["site"][0]["orbit"]["tle"].split("\n")
timescale = load.timescale()
satellite = EarthSatellite(lines[0], lines[1], ts=timescale)
epoch = timescale.utc(2026, 7, 26, 4)


def at(second):
    return timescale.utc(2026, 7, 26, 4, 0, second)


def number(entry, key):
    return float(entry[key]["value"].split()[0])


def edge(value, low, high):
    rising = value(high) > 0.0
    while high - low > 1e-4:
        middle = 0.5 * (low + high)
        low, high = (low, middle) if (value(middle) > 0.0) == rising else (middle, high)
    return 0.5 * (low + high)


print("# skyfield 1.55, sgp4 2.27, pyerfa 2.0.1.5; python starcloud_1.py > starcloud_1.csv; see starcloud_1.py")
print("what,station,first,second,third,fourth")
for second in range(1800, DAY_S + 1, 1800):
    place = wgs84.geographic_position_of(satellite.at(at(second)))
    print(f"subpoint,,{second},{place.latitude.degrees:.6f},{place.longitude.degrees:.6f},{place.elevation.m:.1f}")

for name in sorted(station["catalog"] for station in mission["station"]):
    entry = next(entry for entry in catalog if entry["id"] == name)
    mask = number(entry, "minimum_elevation")
    station = wgs84.latlon(number(entry, "latitude"), number(entry, "longitude"), elevation_m=number(entry, "altitude"))

    def above(second):
        return (satellite - station).at(at(second)).altaz()[0].degrees - mask

    times, events = satellite.find_events(station, epoch, at(DAY_S), altitude_degrees=mask)
    for time, event in zip(times, events):
        near = (time.tt - epoch.tt) * DAY_S
        if event != 1:
            print(f"{'rise' if event == 0 else 'set'},{name},{edge(above, near - 5.0, near + 5.0):.4f},{mask},,")

hourly = [sun_moon.sun(START_JD + hour / 24.0 + 69.184 / DAY_S) for hour in range(25)]


def position_m(second):
    error, r, _ = satellite.model.sgp4(2461247.5, 4.0 / 24.0 + second / DAY_S)
    assert error == 0
    return np.array(r) * 1e3


def sun_m(second):
    hour = min(int(second / 3600.0), 23)
    share = second / 3600.0 - hour
    (d0, m0), (d1, m1) = hourly[hour], hourly[hour + 1]
    return (d0 + share * (d1 - d0)) * (m0 + share * (m1 - m0))


def hidden(second, shares, turns):
    """How deep the lines of sight to points of the solar disc pass through the ellipsoid; positive where they meet it."""
    r = position_m(second)
    to_sun = sun_m(second) - r
    along = to_sun / np.linalg.norm(to_sun)
    across = np.cross(along, [0.0, 0.0, 1.0])
    across /= np.linalg.norm(across)
    up = np.cross(across, along)
    radius = SUN_RADIUS_M * shares[:, None]
    rays = to_sun + radius * (np.cos(turns)[:, None] * across + np.sin(turns)[:, None] * up)
    rays /= np.linalg.norm(rays, axis=1)[:, None]
    weights = 1.0 / np.array([EARTH_RADIUS_M, EARTH_RADIUS_M, POLAR_RADIUS_M]) ** 2
    # |r + t ray|^2 = 1 in the ellipsoid's own measure: a t^2 + 2 b t + c = 0 has a root ahead.
    a, b, c = rays**2 @ weights, rays @ (weights * r), weights @ r**2 - 1.0
    return np.where(b < 0.0, b * b - a * c, -1.0)


limb = np.arange(720) * np.pi / 360.0
penumbra = lambda second: hidden(second, np.ones(720), limb).max()
umbra = lambda second: hidden(second, np.ones(720), limb).min()
# Sunflower: points of equal area.
numbers = np.arange(1000) + 0.5
disc = np.sqrt(numbers / 1000.0), numbers * np.pi * (3.0 - np.sqrt(5.0))

grid = np.arange(0.0, DAY_S + 0.1, 5.0)
for words, depth in [(("umbra-entered", "umbra-left"), umbra), (("penumbra-entered", "penumbra-left"), penumbra)]:
    inside = [depth(second) > 0.0 for second in grid]
    for before, after, low in zip(inside, inside[1:], grid):
        if before != after:
            print(f"{words[0 if after else 1]},,{edge(depth, low, low + 5.0):.4f},,,")

noon = DAY_S / 2.0
normal = np.cross(position_m(noon), position_m(noon + 60.0))
beta = np.degrees(np.arcsin(normal @ sun_m(noon) / np.linalg.norm(normal) / np.linalg.norm(sun_m(noon))))
print(f"share,,{beta:.4f},{np.mean([np.mean(hidden(second, *disc) <= 0.0) for second in grid[:-1]]):.6f},,")
print(f"altitude,,{np.mean([np.linalg.norm(position_m(s)) for s in grid[::12]]) - EARTH_RADIUS_M:.1f},,,")
