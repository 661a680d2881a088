"""Global mean total mass density of the thermosphere at four levels of solar activity.

Tool: pymsis 0.13.0 (NRLMSIS 2.1, Emmert et al. 2022), numpy 2.4.6.
Command: pip install pymsis==0.13.0 && python density.py > density.csv
Mean over the globe (13 latitudes weighted by their cosine, 24 longitudes, hence all local times) on 2024-11-14T00:00 UTC,
F10.7 = its 81-day mean, Ap constant. The day stands for a year: the mean at 150/15 runs from 0.70 (mid July) to 1.07
(early April) of it at 325 km, 0.62 to 1.09 at 500 km.
"""

import numpy as np
from pymsis import msis

LEVELS = [(70, 4), (150, 15), (200, 15), (250, 45)]
ALTITUDES_KM = np.arange(150.0, 1000.1, 12.5)
LATITUDES_DEG = np.arange(-90.0, 91.0, 15.0)
LONGITUDES_DEG = np.arange(0.0, 360.0, 15.0)


def global_mean(f107, ap):
    result = msis.run(
        np.datetime64("2024-11-14T00:00"), LONGITUDES_DEG, LATITUDES_DEG, ALTITUDES_KM,
        f107s=f107, f107as=f107, aps=[[ap] * 7], version=2.1,
    )
    density = np.asarray(result)[0, ..., 0].mean(axis=0)
    weight = np.cos(np.radians(LATITUDES_DEG))
    return (density * weight[:, None]).sum(axis=0) / weight.sum()


columns = [global_mean(*level) for level in LEVELS]
print("# pymsis 0.13.0 (NRLMSIS 2.1); python density.py > density.csv; see density.py")
print("altitude_km," + ",".join(f"density_{f}_{ap}_kg_m3" for f, ap in LEVELS))
for row, altitude in enumerate(ALTITUDES_KM):
    print(f"{altitude:.1f}," + ",".join(f"{column[row]:.4e}" for column in columns))
