"""Writes coefficients.rs of sunward-astro's magnetic model and the reference values its tests read.

    python testdata/magnetic/igrf.py        # Python 3.11, numpy 2.4.6, scipy 1.17.1, ppigrf 2.1.0

Coefficients: IGRF-14 (IAGA V-MOD 2024, doi:10.5281/zenodo.14012302), from the file IGRF14.shc that ppigrf carries.
Shell parameter: the field line is traced (Runge-Kutta 4) to its conjugate point, the second invariant I is summed, and
Hilton's (1971, J. Geophys. Res. 76, 6952) function gives L; McIlwain's moment 0.311653 G Re^3.
"""

import datetime
import pathlib
from math import factorial

import numpy as np
import ppigrf

ROOT = pathlib.Path(__file__).resolve().parents[2]
RADIUS = 6371.2e3  # m, the reference radius of the IGRF
MOMENT = 0.311653e5  # nT Re^3, McIlwain's
DEGREE = 8  # of the field
SHELL_DEGREE = 6  # of the correction to 1/L
EPOCHS = [1960.0, 2020.0, 2025.0, 2030.0]
SHELL_EPOCHS = [1960.0, 2025.0]


def coefficients(epoch):
    """Schmidt semi-normalised {(n, m): nT}; negative m is h. Linear between the tabulated epochs, as the IGRF defines."""
    path = pathlib.Path(ppigrf.__file__).with_name("IGRF14.shc")
    rows = [line.split() for line in path.read_text().splitlines() if not line.startswith("#")][1:]
    years = np.array(rows[0], float)
    return {(int(r[0]), int(r[1])): np.interp(epoch, years, np.array(r[2:], float)) for r in rows[1:]}


def solid_harmonics(position, degree):
    """Cunningham's V and W by (n, m), dimensionless."""
    x, y, z = position
    r2 = x * x + y * y + z * z
    v, w = {(0, 0): RADIUS / np.sqrt(r2)}, {(0, 0): 0.0 * x}
    for m in range(degree + 1):
        if m > 0:
            p, q = v[m - 1, m - 1], w[m - 1, m - 1]
            v[m, m] = (2 * m - 1) * RADIUS / r2 * (x * p - y * q)
            w[m, m] = (2 * m - 1) * RADIUS / r2 * (x * q + y * p)
        for n in range(m + 1, degree + 1):
            a = (2 * n - 1) / (n - m) * z * RADIUS / r2
            b = (n + m - 1) / (n - m) * RADIUS**2 / r2
            for f in (v, w):
                f[n, m] = a * f[n - 1, m] - (b * f[n - 2, m] if n - 2 >= m else 0)
    return v, w


def field(c, position, degree):
    """B in nT, Earth-fixed axes, by Montenbruck and Gill's (2000) eq. 3.33 for the gradient."""
    v, w = solid_harmonics(position, degree + 1)
    bx = by = bz = 0.0
    for n in range(1, degree + 1):
        for m in range(n + 1):
            norm = np.sqrt((2 if m else 1) * factorial(n - m) / factorial(n + m))
            g, h = c[n, m] * norm, (c[n, -m] * norm if m else 0.0)
            if m == 0:
                bx, by = bx + g * v[n + 1, 1], by + g * w[n + 1, 1]
            else:
                f = (n - m + 2) * (n - m + 1) / 2
                bx = bx + (g * v[n + 1, m + 1] + h * w[n + 1, m + 1]) / 2 - f * (g * v[n + 1, m - 1] + h * w[n + 1, m - 1])
                by = by + (g * w[n + 1, m + 1] - h * v[n + 1, m + 1]) / 2 + f * (g * w[n + 1, m - 1] - h * v[n + 1, m - 1])
            bz = bz + (n - m + 1) * (g * v[n + 1, m] + h * w[n + 1, m])
    return np.array([bx, by, bz])


def eccentric_inverse_shell(c, position):
    """1/L of Fraser-Smith's (1987, Rev. Geophys. 25, 1) eccentric dipole, scaled to McIlwain's moment."""
    g10, g11, h11 = c[1, 0], c[1, 1], c[1, -1]
    g20, g21, h21, g22, h22 = c[2, 0], c[2, 1], c[2, -1], c[2, 2], c[2, -2]
    b0 = np.sqrt(g10**2 + g11**2 + h11**2)
    s3 = np.sqrt(3)
    l0 = 2 * g10 * g20 + s3 * (g11 * g21 + h11 * h21)
    l1 = -g11 * g20 + s3 * (g10 * g21 + g11 * g22 + h11 * h22)
    l2 = -h11 * g20 + s3 * (g10 * h21 - h11 * g22 + g11 * h22)
    e = (l0 * g10 + l1 * g11 + l2 * h11) / (4 * b0**2)
    centre = RADIUS * np.array([l1 - g11 * e, l2 - h11 * e, l0 - g10 * e]) / (3 * b0**2)
    axis = -np.array([g11, h11, g10]) / b0
    d = position - centre[:, None]
    r = np.sqrt((d * d).sum(0))
    return RADIUS / r * (1 - (axis @ d / r) ** 2) * (b0 / MOMENT) ** (1 / 3)


def traced_shell(c, position, step=0.02, most=2000):
    """L of McIlwain by tracing the IGRF field line through each position [3, point]."""

    def direction(p):
        b = field(c, p, DEGREE)
        size = np.sqrt((b * b).sum(0))
        return b / size, size

    p = position.copy()
    unit, mirror = direction(p)
    sign = np.where(direction(p + 1e3 * unit)[1] < mirror, 1.0, -1.0)
    invariant, before = np.zeros(p.shape[1]), np.zeros(p.shape[1])
    live = np.arange(p.shape[1])
    for n in range(most):
        if not live.size:
            break
        q, s = p[:, live], sign[live]
        ds = step * np.sqrt((q * q).sum(0)) * (0.1 * 1.3**n if n < 8 else 1)
        k1 = direction(q)[0] * s
        k2 = direction(q + 0.5 * ds * k1)[0] * s
        k3 = direction(q + 0.5 * ds * k2)[0] * s
        k4 = direction(q + ds * k3)[0] * s
        q = q + ds * (k1 + 2 * k2 + 2 * k3 + k4) / 6
        gap = 1 - direction(q)[1] / mirror[live]
        f0, f1 = before[live], np.sqrt(np.clip(gap, 0, None))
        change = f1 * f1 - f0 * f0
        whole = np.where(abs(change) > 1e-12, 2 / 3 * (f1**3 - f0**3) / np.where(abs(change) > 1e-12, change, 1), f0)
        last = 2 / 3 * f0**3 / np.where(f0 * f0 - gap > 0, f0 * f0 - gap, 1)
        invariant[live] += np.where(gap > 0, whole, last) * ds / RADIUS
        before[live], p[:, live] = f1, q
        live = live[gap > 0]
    assert not live.size, "field lines left open"
    x = invariant**3 * mirror / MOMENT
    return (MOMENT / mirror * (1 + 1.350474 * x ** (1 / 3) + 0.465380 * x ** (2 / 3) + 0.047546 * x)) ** (1 / 3)


def place(latitude, longitude, altitude):
    la, lo = np.radians(latitude), np.radians(longitude)
    return (RADIUS + altitude) * np.array([np.cos(la) * np.cos(lo), np.cos(la) * np.sin(lo), np.sin(la)])


def grid(latitudes, longitudes, altitudes):
    a, b, h = np.meshgrid(latitudes, longitudes, altitudes, indexing="ij")
    return np.array([a.ravel(), b.ravel(), h.ravel()])


def shell_order():
    """(n, m, is_w) in the order coefficients.rs lists the correction."""
    return [(n, m, part) for m in range(SHELL_DEGREE + 1) for n in range(m, SHELL_DEGREE + 1) for part in ((0, 1) if m else (0,))]


def shell_correction(epoch):
    """Least-squares coefficients of 1/L - 1/L_eccentric in solid harmonics, relative error of L below 8 weighted alike."""
    c = coefficients(epoch)
    where = grid(np.arange(-87, 88, 6.0), np.arange(-180, 180, 10.0), [150e3, 500e3, 1000e3, 1500e3, 2050e3])
    position = place(*where)
    base = eccentric_inverse_shell(c, position)
    keep = base > 0.04
    position, base = position[:, keep], base[keep]
    shell = traced_shell(c, position, step=0.03)
    parts = solid_harmonics(position, SHELL_DEGREE)
    basis = np.array([parts[part][n, m] for n, m, part in shell_order()])
    scale = np.sqrt((basis**2).mean(1))
    weight = np.minimum(shell, 8) * np.sqrt(np.cos(np.radians(where[0][keep])))
    solution = np.linalg.lstsq((basis / scale[:, None] * weight).T, (1 / shell - base) * weight, rcond=1e-12)[0]
    return solution / scale


def write_rust():
    tables = [coefficients(epoch) for epoch in EPOCHS]
    lines = [
        "//! Coefficients of the magnetic model; written by testdata/magnetic/igrf.py, not by hand.",
        "",
        "/// Epochs of [`GAUSS`]; the last is the IGRF's own prediction.",
        f"pub(super) const EPOCHS: [f64; {len(EPOCHS)}] = {EPOCHS};",
        "",
        "/// (n, m, g, h): IGRF-14 to degree 8, Schmidt semi-normalised, nT, at each of [`EPOCHS`].",
        "#[rustfmt::skip]",
        f"pub(super) const GAUSS: [(usize, usize, [f64; {len(EPOCHS)}], [f64; {len(EPOCHS)}]); 44] = [",
    ]
    for n in range(1, DEGREE + 1):
        for m in range(n + 1):
            g = [round(float(t[n, m]), 2) for t in tables]
            h = [round(float(t[n, -m]), 2) if m else 0.0 for t in tables]
            lines.append(f"    ({n}, {m}, {g}, {h}),")
    lines += ["];", "", "/// Epochs of [`SHELL`].", f"pub(super) const SHELL_EPOCHS: [f64; {len(SHELL_EPOCHS)}] = {SHELL_EPOCHS};", ""]
    lines += [
        "/// (n, m, v, w): what to add to the eccentric dipole's 1/L, in solid harmonics, at each of [`SHELL_EPOCHS`].",
        "#[rustfmt::skip]",
        f"pub(super) const SHELL: [(usize, usize, [f64; {len(SHELL_EPOCHS)}], [f64; {len(SHELL_EPOCHS)}]); 28] = [",
    ]
    fits = [dict(zip(shell_order(), shell_correction(epoch))) for epoch in SHELL_EPOCHS]
    number = lambda x: f"{x:.6e}"
    for m in range(SHELL_DEGREE + 1):
        for n in range(m, SHELL_DEGREE + 1):
            v = ", ".join(number(fit[n, m, 0]) for fit in fits)
            w = ", ".join(number(fit.get((n, m, 1), 0.0)) for fit in fits)
            lines.append(f"    ({n}, {m}, [{v}], [{w}]),")
    lines += ["];", ""]
    (ROOT / "crates/sunward-astro/src/magnetic/coefficients.rs").write_text("\n".join(lines))


def write_reference():
    """|B| of ppigrf to degree 13 and L by tracing, off the grid of the fit."""
    rows = ["# Written by testdata/magnetic/igrf.py: ppigrf 2.1.0 (degree 13), L by field-line tracing.", "epoch,x_m,y_m,z_m,field_t,shell"]
    where = grid(np.arange(-75, 80, 15.0), np.arange(-175, 180, 30.0), [310e3, 640e3, 1210e3, 1890e3])
    position = place(*where)
    for epoch in (1960.0, 2020.0, 2025.0, 2030.0):
        date = datetime.datetime(int(epoch), 1, 1)
        br, bt, bp = ppigrf.igrf_gc((RADIUS + where[2]) / 1e3, 90 - where[0], where[1], date)
        size = np.sqrt(br**2 + bt**2 + bp**2).ravel() * 1e-9
        shell = traced_shell(coefficients(epoch), position)
        for k in range(where.shape[1])[:: 1 if epoch == 2025.0 else 4]:
            x, y, z = position[:, k]
            rows.append(f"{epoch:.0f},{x:.1f},{y:.1f},{z:.1f},{size[k]:.6e},{shell[k]:.5f}")
    (ROOT / "testdata/magnetic/reference.csv").write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    (ROOT / "crates/sunward-astro/src/magnetic").mkdir(exist_ok=True)
    write_rust()
    write_reference()
