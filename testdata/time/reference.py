"""Writes reference.csv: TAI, TT and UTC of some instants by astropy 8.0.2 (ERFA/SOFA).

python3 -m pip install astropy; python3 testdata/time/reference.py > testdata/time/reference.csv
"""
from decimal import Decimal, getcontext

import astropy
from astropy.time import Time

getcontext().prec = 40
INSTANTS = [
    "1972-01-01T00:00:00Z", "1972-07-01T00:00:00Z", "1980-02-29T23:59:59.5Z", "1999-01-01T00:00:00Z",
    "2000-01-01T11:58:55.816Z", "2000-01-01T12:00:00Z", "2006-04-04T07:51:28.386009Z", "2016-12-30T23:59:59Z",
    "2017-01-01T00:00:00Z", "2024-02-29T12:34:56.789Z", "2026-07-26T04:00:00Z", "2044-06-01T18:00:00.000000001Z",
]


def days(time):
    return Decimal(float(time.jd1)) + Decimal(float(time.jd2))


print(f"# astropy {astropy.__version__}, by testdata/time/reference.py")
print("utc,tai_ns_since_j2000,tt_centuries,utc_midnight_jd,utc_day_fraction")
for text in INSTANTS:
    utc = Time(text[:-1], scale="utc")
    tai_ns = round((days(utc.tai) - Decimal("2451545")) * 86_400_000_000_000)
    centuries = float((days(utc.tt) - Decimal("2451545")) / 36525)
    midnight = (days(utc) - Decimal("0.5")) // 1 + Decimal("0.5")
    print(f"{text},{tai_ns},{centuries!r},{midnight},{float(days(utc) - midnight)!r}")
