"""Writes earth_fixed.csv: Earth-fixed states and sub-satellite points of two satellites by Skyfield.

python3 -m pip install skyfield==1.55 sgp4==2.27; python3 testdata/frames/earth_fixed.py > testdata/frames/earth_fixed.csv

"exact" has UT1 = UTC as Sunward takes it (TT - UT1 = 69.184 s) and no polar motion: only the mathematics may differ.
"real" has Skyfield's own table of UT1: what the approximation costs.
"""
import skyfield
from skyfield.api import EarthSatellite, load, wgs84
from skyfield.framelib import itrs

SETS = [
    ("1 25544U 98067A   20194.88612269 -.00002218  00000-0 -31515-4 0  9992",
     "2 25544  51.6461 221.2784 0001413  89.1723 280.4612 15.49507896236008"),
    ("1 28057U 03049A   06177.78615833  .00000060  00000-0  35940-4 0  1836",
     "2 28057  98.4283 247.6961 0000884  88.1964 271.9322 14.35478080140550"),
]
TIMES = [(2020, 7, 12, 21, 30, 0), (2020, 7, 13, 9, 15, 30), (2020, 7, 14, 0, 0, 0), (2020, 7, 19, 17, 45, 1)]
OLDER = [(2006, 6, 26, 20, 0, 0), (2006, 6, 27, 3, 3, 3)]

print(f"# skyfield {skyfield.__version__}, by testdata/frames/earth_fixed.py; m, m/s, deg")
print("kind,satellite,utc,x,y,z,vx,vy,vz,latitude,longitude,height")
for kind in ("exact", "real"):
    for index, (line1, line2) in enumerate(SETS):
        for when in (TIMES, OLDER)[index]:
            leap = 37 if when[0] > 2016 else 33
            scale = load.timescale(delta_t=32.184 + leap) if kind == "exact" else load.timescale(builtin=True)
            position = EarthSatellite(line1, line2, None, scale).at(scale.utc(*when))
            r, v = position.frame_xyz_and_velocity(itrs)
            point = wgs84.geographic_position_of(position)
            y, mo, d, h, mi, s = when
            values = [*r.m, *v.m_per_s, point.latitude.degrees, point.longitude.degrees, point.elevation.m]
            text = ",".join(f"{value:.9f}" for value in values)
            print(f"{kind},{index},{y}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}Z,{text}")
