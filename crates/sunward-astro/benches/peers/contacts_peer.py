"""Contacts of the fleet of testdata/astro with its stations over one day, above 10 deg: prints NAME SECONDS COUNT a peer.

pip install brahe==1.8.0 skyfield==1.55 sgp4==2.27
brahe runs all 500 satellites on all threads it takes, 60 s grid, 1 ms edges. skyfield runs every tenth satellite, its time
and count times ten.
"""

import pathlib
import time

import brahe
from skyfield.api import EarthSatellite, load, wgs84

DATA = pathlib.Path(__file__).parents[4] / "testdata" / "astro"
lines = (DATA / "fleet.tle").read_text().splitlines()
stations = [row.split(",") for row in (DATA / "stations.csv").read_text().splitlines()[1:]]


def by_brahe():
    brahe.set_global_eop_provider(brahe.StaticEOPProvider.from_zero())
    start = brahe.Epoch.from_datetime(2026, 7, 26, 0, 0, 0.0, 0.0, brahe.TimeSystem.UTC)
    places = [brahe.PointLocation(float(lon), float(lat), float(h)) for _, lat, lon, h in stations]
    begin = time.perf_counter()
    fleet = [brahe.SGPPropagator.from_tle(lines[k], lines[k + 1], 60.0) for k in range(0, len(lines), 2)]
    config = brahe.AccessSearchConfig(initial_time_step=60.0, time_tolerance=0.001)
    constraint = brahe.ElevationConstraint(min_elevation_deg=10.0)
    windows = brahe.location_accesses(places, fleet, start, start + 86400.0, constraint, config=config)
    return time.perf_counter() - begin, len(windows)


def by_skyfield(every=10):
    timescale = load.timescale(delta_t=69.184)
    start, end = timescale.utc(2026, 7, 26), timescale.utc(2026, 7, 27)
    places = [wgs84.latlon(float(lat), float(lon), elevation_m=float(h)) for _, lat, lon, h in stations]
    begin, count = time.perf_counter(), 0
    for k in range(0, len(lines), 2 * every):
        satellite = EarthSatellite(lines[k], lines[k + 1], ts=timescale)
        for place in places:
            _, events = satellite.find_events(place, start, end, altitude_degrees=10.0)
            count += int((events == 0).sum())
    return (time.perf_counter() - begin) * every, count * every


for name, peer in (("brahe", by_brahe), ("skyfield", by_skyfield)):
    seconds, count = peer()
    print(name, f"{seconds:.3f}", count)
