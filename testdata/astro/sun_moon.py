"""Apparent geocentric Sun and Moon in TEME (true equator, mean equinox of date), 2020-2050.

Tools: pyerfa 2.0.1.5 (ERFA 2.0.1: epv00 after VSOP2000, moon98 after Meeus/ELP-2000, pnm06a),
       ephem 4.2.1 (Moshier's Moon, VSOP87 Sun) as a second opinion, printed below.
Command: pip install pyerfa==2.0.1.5 ephem==4.2.1 && python sun_moon.py > sun_moon.csv
Largest disagreement of the two tools, printed on stderr: Sun and Moon direction in degrees, Moon distance in metres.
"""

import sys

import ephem
import erfa
import numpy as np

AU_M, C_M_S, DAY_S = 149597870700.0, 299792458.0, 86400.0
STEP_DAYS, ROWS = 25.3, 433


def unit(v):
    return v / np.linalg.norm(v)


def aberrate(direction, velocity_m_s):
    """First-order annual aberration; the second order is 0.0005 arcsec."""
    return unit(direction + velocity_m_s / C_M_S)


def to_teme(v_gcrs, tt):
    """GCRS to true equator and equinox (IAU 2006/2000A), then back by the equation of the equinoxes."""
    true_of_date = erfa.pnm06a(tt, 0.0) @ v_gcrs
    longitude_nutation, _ = erfa.nut06a(tt, 0.0)
    equation = longitude_nutation * np.cos(erfa.obl06(tt, 0.0))
    return erfa.rz(equation, np.eye(3)) @ true_of_date


def sun(tt):
    earth_h, earth_b = erfa.epv00(tt, 0.0)
    distance = np.linalg.norm(earth_h["p"]) * AU_M
    # The Sun's own motion about the barycentre during the light time is 0.01 arcsec: left out.
    direction = aberrate(unit(-earth_h["p"]), earth_b["v"] * AU_M / DAY_S)
    return to_teme(direction, tt), distance


def moon(tt):
    """Light time and the observer's velocity cancel but for the Moon's own geocentric motion over 1.3 s."""
    now = erfa.moon98(tt, 0.0)["p"] * AU_M
    light_days = np.linalg.norm(now) / C_M_S / DAY_S
    seen = erfa.moon98(tt, -light_days)["p"] * AU_M
    return to_teme(unit(seen), tt), np.linalg.norm(now)


def by_ephem(body, tt):
    body.compute(ephem.Date(tt - 2415020.0 - ephem.delta_t(ephem.Date(tt - 2415020.0)) / DAY_S), epoch=ephem.J2000)
    ra, dec = body.g_ra, body.g_dec
    true_of_date = np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    longitude_nutation, _ = erfa.nut06a(tt, 0.0)
    return erfa.rz(longitude_nutation * np.cos(erfa.obl06(tt, 0.0)), np.eye(3)) @ true_of_date


def angle_deg(a, b):
    return np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b))


def main():
    print("# pyerfa 2.0.1.5, ephem 4.2.1; python sun_moon.py > sun_moon.csv; see sun_moon.py")
    print("julian_date_tt,sun_x,sun_y,sun_z,sun_distance_m,moon_x,moon_y,moon_z,moon_distance_m")
    worst = np.zeros(3)
    for row in range(ROWS):
        tt = 2458849.5 + row * STEP_DAYS
        (s, s_m), (m, m_m) = sun(tt), moon(tt)
        ephem_sun, ephem_moon = ephem.Sun(), ephem.Moon()
        differences = [angle_deg(s, by_ephem(ephem_sun, tt)), angle_deg(m, by_ephem(ephem_moon, tt))]
        worst = np.maximum(worst, [*differences, abs(ephem_moon.earth_distance * AU_M - m_m)])
        vectors = [",".join(f"{x:.9f}" for x in v) for v in (s, m)]
        print(f"{tt:.1f},{vectors[0]},{s_m:.0f},{vectors[1]},{m_m:.0f}")
    print("worst disagreement", worst, file=sys.stderr)


if __name__ == "__main__":
    main()
