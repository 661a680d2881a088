"""500 satellites and 20 stations for the contact and eclipse tests and benchmarks.

Tool: sgp4 2.27 (writes the two-line sets), numpy 2.4.6.
Command: pip install sgp4==2.27 numpy==2.4.6 && python fleet.py   (writes fleet.tle and stations.csv beside it)
The orbits are invented: 470 low ones of every inclination from 325 to 1400 km (a third sun-synchronous), 15 of navigation
satellites, 5 Molniya, 5 transfer ellipses, 5 geosynchronous. The stations stand where ground stations stand.
"""

import numpy as np
from sgp4.api import WGS72, Satrec
from sgp4.exporter import export_tle

MU, RADIUS_KM, EPOCH_1950 = 398600.8, 6378.135, 33281.923611
EPOCH = 2461247.5 - 2433281.5  # 2026-07-26T00:00 UTC, days since 1949-12-31
rng = np.random.default_rng(20260726)


def satellite(number, a_km, e, inclination_deg, node_deg, perigee_deg, anomaly_deg, drag):
    record = Satrec()
    n = 60.0 * np.sqrt(MU / a_km**3)
    record.sgp4init(
        WGS72, "i", number, EPOCH + rng.uniform(-1.0, 0.0), drag, 0.0, 0.0, e, *np.radians([perigee_deg, inclination_deg, anomaly_deg]),
        n, np.radians(node_deg),
    )
    record.classification, record.intldesg, record.elnum, record.revnum = "U", "26001A", 1, 1
    return export_tle(record)


def sun_synchronous(a_km):
    return np.degrees(np.arccos(-((a_km / 12352.0) ** 3.5)))


lines = []
for k in range(500):
    number, angles = 90001 + k, rng.uniform(0.0, 360.0, 3)
    if k % 100 == 99:
        lines += satellite(number, 26561.75, 0.722, 63.4, angles[0], 270.0, angles[2], 1e-5)
    elif k % 100 == 98:
        lines += satellite(number, 24400.0, 0.728, rng.uniform(0.0, 28.0), *angles, 1e-4)
    elif k % 100 == 97:
        lines += satellite(number, 42164.2, 0.0003, rng.uniform(0.0, 8.0), *angles, 0.0)
    elif k % 100 >= 94:
        lines += satellite(number, 26559.7, 0.005, 55.0, *angles, 0.0)
    else:
        a_km = RADIUS_KM + rng.uniform(325.0, 1400.0)
        e = min(rng.uniform(0.0, 0.02), 1.0 - (RADIUS_KM + 300.0) / a_km)
        inclination = sun_synchronous(a_km) if k % 3 == 0 else rng.uniform(0.0, 140.0)
        lines += satellite(number, a_km, e, inclination, *angles, 10 ** rng.uniform(-5.0, -3.5))
with open("fleet.tle", "w") as file:
    file.write("\n".join(lines) + "\n")

STATIONS = [
    ("Svalbard", 78.2298, 15.4078, 458), ("Troll", -72.0114, 2.5350, 1270), ("Inuvik", 68.3195, -133.5481, 51),
    ("Kiruna", 67.8571, 20.9643, 402), ("Fairbanks", 64.9761, -147.5208, 390), ("Redu", 50.0011, 5.1453, 386),
    ("Weilheim", 47.8801, 11.0853, 663), ("Wallops", 37.9249, -75.4765, 4), ("Goldstone", 35.2472, -116.7933, 1037),
    ("Maspalomas", 27.7629, -15.6338, 205), ("Hawaii", 19.0138, -155.6630, 368), ("Bangalore", 13.0344, 77.5116, 821),
    ("Singapore", 1.3521, 103.8198, 15), ("Kourou", 5.2514, -52.8047, -15), ("Malindi", -2.9956, 40.1945, -12),
    ("Alice Springs", -23.7591, 133.8824, 578), ("Hartebeesthoek", -25.8872, 27.7075, 1415),
    ("Santiago", -33.1511, -70.6664, 730), ("New Norcia", -31.0483, 116.1915, 252), ("Punta Arenas", -52.9349, -70.8470, 37),
]
with open("stations.csv", "w") as file:
    file.write("name,latitude_deg,longitude_deg,height_m\n")
    file.writelines(f"{name},{lat},{lon},{height}\n" for name, lat, lon, height in STATIONS)
