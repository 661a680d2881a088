"""Contacts of twelve satellites of fleet.tle with five stations, over one day, above 10 deg.

Tool: skyfield 1.55, sgp4 2.27. UT1 is set to UTC (delta_t = 69.184 s), as Sunward has it. find_events stops at half a
second; its events are refined here on skyfield's own altitude, edges by bisection, culminations by ternary search.
Command: pip install skyfield==1.55 sgp4==2.27 && python contacts.py > contacts.csv
"""

from skyfield.api import EarthSatellite, load, wgs84

SATELLITES = [0, 1, 2, 3, 7, 20, 41, 93, 94, 97, 98, 99]
STATIONS = [0, 5, 10, 13, 17]

timescale = load.timescale(delta_t=69.184)
start, end = timescale.utc(2026, 7, 26), timescale.utc(2026, 7, 27)
lines = open("fleet.tle").read().splitlines()
stations = [row.split(",") for row in open("stations.csv").read().splitlines()[1:]]
print("# skyfield 1.55, sgp4 2.27; python contacts.py > contacts.csv; see contacts.py")
print("satellite,station,event,seconds_since_start,elevation_deg")


def refine(altitude, second, event):
    low, high = second - 5.0, second + 5.0
    if event == 1:
        while high - low > 1e-3:
            third = (high - low) / 3.0
            low, high = (low + third, high) if altitude(low + third) < altitude(high - third) else (low, high - third)
    else:
        up = event == 0
        while high - low > 1e-4:
            middle = 0.5 * (low + high)
            low, high = (low, middle) if (altitude(middle) > 10.0) == up else (middle, high)
    return 0.5 * (low + high)


for number in SATELLITES:
    satellite = EarthSatellite(lines[2 * number], lines[2 * number + 1], ts=timescale)
    for place in STATIONS:
        _, latitude, longitude, height = stations[place]
        station = wgs84.latlon(float(latitude), float(longitude), elevation_m=float(height))

        def altitude(second):
            return (satellite - station).at(timescale.utc(2026, 7, 26, 0, 0, second)).altaz()[0].degrees

        times, events = satellite.find_events(station, start, end, altitude_degrees=10.0)
        for time, event in zip(times, events):
            second = refine(altitude, (time.tt - start.tt) * 86400.0, event)
            print(f"{number},{place},{('rise', 'culmination', 'set')[event]},{second:.4f},{altitude(second):.5f}")
