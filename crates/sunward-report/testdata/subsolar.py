"""Where the Sun is overhead, from the positions of ERFA (function epv00) that astropy carries.

    pip install astropy==7.1.0 "numpy<2.3" && python subsolar.py > subsolar.csv
"""
import warnings

import astropy
import numpy as np
from astropy.coordinates import ITRS, get_sun
from astropy.time import Time
from astropy.utils import iers

warnings.simplefilter("ignore")
iers.conf.auto_download = False
iers.conf.iers_degraded_accuracy = "ignore"
iers.conf.auto_max_age = None

print(f"# astropy {astropy.__version__}: get_sun(time).transform_to(ITRS); made by subsolar.py")
print("utc,latitude_deg,longitude_deg")
for utc in ["2000-01-01T12:00:00", "2024-03-20T03:06:00", "2026-06-21T12:00:00", "2026-11-03T07:00:00",
            "2026-12-21T18:30:00", "2035-02-11T00:00:00"]:
    x, y, z = get_sun(Time(utc, scale="utc")).transform_to(ITRS(obstime=Time(utc, scale="utc"))).cartesian.xyz.value
    print(f"{utc}Z,{np.degrees(np.arctan2(z, np.hypot(x, y))):.4f},{np.degrees(np.arctan2(y, x)):.4f}")
