"""Writes trapped_tables.rs of sunward-plant and the reference values its tests read.

    python testdata/radiation/trapped_tables.py     # Python 3.11, numpy 2.4.6, aep8 1.1.0 (IRBEM's AP-8/AE-8)

AP-8 MIN (Sawyer and Vette 1976, NSSDC/WDC-A-R&S 76-06) and AE-8 MAX (Vette 1991, NSSDC/WDC-A-R&S 91-24): omnidirectional
integral flux [cm-2 s-1] by McIlwain's L and B/B0. Of each table the reach of 300 to 2,000 km is kept: rows by 1/L,
columns by B over the cut-off field Bc(L), entries ln(J / (1 - B/Bc)).
"""

import pathlib

import numpy as np
from aep8._irbem import flux2, flux3, geomag3

ROOT = pathlib.Path(__file__).resolve().parents[2]
MOMENT = 0.311653  # G Re^3
RADIUS = 6371.2
COLUMNS = np.linspace(0.35, 0.975, 26)
NOTHING = -20.0  # ln of a flux that is none
PROTON_ENERGIES = [8.5, 17.0, 35.0, 71.0]
ELECTRON_ENERGIES = [0.4, 1.0, 1.7, 3.0, 5.0]


def proton(energy, shell, ratio):
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(flux3(energy, shell, np.maximum(ratio, 1.0)))


def electron(energy, shell, ratio):
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(flux2(energy, shell, np.maximum(ratio, 1.0)))


def radiated(_, shell, ratio):
    """Thick-target bremsstrahlung: the sum of E^2 over the electrons = int 2 E J(>E) dE (Koch and Motz 1959)."""
    energies = np.array([0.04, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 4, 5, 6, 7])
    y = np.array([2 * e * electron(e, shell, ratio) for e in energies])
    widths = np.diff(energies).reshape((-1,) + (1,) * (y.ndim - 1))
    return (0.5 * (y[1:] + y[:-1]) * widths).sum(0)


def cutoff(flux, energy, inverse):
    """The field [G] at which the flux ends on each shell, by bisection."""
    low, high = MOMENT * inverse**3 * 0.999, np.full_like(inverse, 0.7)
    for _ in range(50):
        middle = 0.5 * (low + high)
        some = flux(energy, 1 / inverse, middle / (MOMENT * inverse**3)) > 0
        low, high = np.where(some, middle, low), np.where(some, high, middle)
    return 0.5 * (low + high)


def rows(flux, energies, inverse, ends):
    tables = []
    field = COLUMNS[None, :] * ends[:, None]
    ratio = np.maximum(field / (MOMENT * inverse[:, None] ** 3), 1.0)
    shell = np.broadcast_to(1 / inverse[:, None], ratio.shape)
    for energy in energies:
        j = flux(energy, shell, ratio)
        with np.errstate(divide="ignore"):
            tables.append(np.maximum(np.log(j / (1 - COLUMNS)), NOTHING))
    return tables


def rust(name, doc, tables):
    count, (high, wide) = len(tables), tables[0].shape
    out = [f"/// {doc}", "#[rustfmt::skip]", f"pub(super) static {name}: [[[f32; {wide}]; {high}]; {count}] = ["]
    for table in tables:
        out.append("    [")
        out += ["        [" + ", ".join(f"{x:.2f}" for x in row) + "]," for row in table]
        out.append("    ],")
    return out + ["];", ""]


def column(name, doc, values):
    return [f"/// {doc}", "#[rustfmt::skip]", f"pub(super) static {name}: [f64; {len(values)}] = [{', '.join(f'{v:.5f}' for v in values)}];", ""]


def build():
    p_inverse = np.linspace(0.35, 0.87, 27)
    e_inverse = np.linspace(0.11, 0.87, 39)
    p_ends = cutoff(proton, 10.0, p_inverse)
    e_ends = cutoff(electron, 0.4, e_inverse)
    return (
        p_inverse, e_inverse, p_ends, e_ends,
        rows(proton, PROTON_ENERGIES, p_inverse, p_ends),
        rows(electron, ELECTRON_ENERGIES, e_inverse, e_ends),
        rows(radiated, [0.0], e_inverse, e_ends),
    )


def look(inverse, ends, table, shell, field):
    """The Rust interpolation, for measuring what the tables lose."""
    i = (1 / shell - inverse[0]) / (inverse[1] - inverse[0])
    inside = (i >= 0) & (i <= len(inverse) - 1)
    i = np.clip(i, 0, len(inverse) - 1.000001)
    k = i.astype(int)
    s = i - k
    u = field / ((1 - s) * ends[k] + s * ends[k + 1])
    j = np.clip((u - COLUMNS[0]) / (COLUMNS[1] - COLUMNS[0]), 0, len(COLUMNS) - 1)
    c = np.minimum(j.astype(int), len(COLUMNS) - 2)
    t = j - c
    a = (1 - s) * ((1 - t) * table[k, c] + t * table[k, c + 1]) + s * ((1 - t) * table[k + 1, c] + t * table[k + 1, c + 1])
    return np.where(inside & (u < 1), np.exp(a) * np.maximum(1 - u, 0), 0.0), u


def orbit_weights(latitudes, inclination):
    edges = np.append(latitudes - 0.5, 90.0)
    sines = np.clip(np.sin(np.radians(edges)) / np.sin(np.radians(inclination)), -1, 1)
    return np.diff(np.arcsin(sines)) / np.pi


def measure(parts):
    """Orbit averages from the tables against AP-8/AE-8 itself, in Jensen and Cain's field."""
    p_inverse, e_inverse, p_ends, e_ends, p, e, b = parts
    latitudes, longitudes = np.arange(-89.5, 90), np.arange(-180, 180, 3.0)
    la, lo = np.meshgrid(np.radians(latitudes), np.radians(longitudes), indexing="ij")
    for altitude in (300, 550, 1000, 2000):
        r = 1 + altitude / RADIUS
        ratio, shell = geomag3(0, r * np.cos(la) * np.cos(lo), r * np.cos(la) * np.sin(lo), r * np.sin(la))
        field = ratio * MOMENT / shell**3
        for name, flux, energies, inverse, ends, tables in (
            ("p", proton, PROTON_ENERGIES, p_inverse, p_ends, p),
            ("e", electron, ELECTRON_ENERGIES, e_inverse, e_ends, e),
            ("b", radiated, [0.0], e_inverse, e_ends, b),
        ):
            for energy, table in zip(energies, tables):
                exact = flux(energy, shell, ratio)
                found, u = look(inverse, ends, table, shell, field)
                w = [orbit_weights(latitudes, i)[:, None] for i in (20, 30, 53, 98)]
                got = [(found * x).sum() / max((exact * x).sum(), 1e-30) for x in w]
                print(altitude, name, energy, "i=20,30,53,98:", np.round(got, 3), "lowest B/Bc with flux", round(float(u[exact > 0].min()) if (exact > 0).any() else 0, 3))


def write_reference():
    """Orbit means of AP-8 MIN above 47.7 MeV (range 10 mm Al) and AE-8 MAX above 1.203 MeV (2 mm), Jensen and Cain's field."""
    latitudes, longitudes = np.arange(-89.5, 90), np.arange(-180, 180, 3.0)
    la, lo = np.meshgrid(np.radians(latitudes), np.radians(longitudes), indexing="ij")
    out = ["# Orbit-mean integral flux, cm-2 s-1; written by testdata/radiation/trapped_tables.py (aep8 1.1.0).",
           "altitude_km,inclination_deg,protons,electrons"]
    for altitude in (350, 550, 650, 800, 1200, 1900):
        r = 1 + altitude / RADIUS
        ratio, shell = geomag3(0, r * np.cos(la) * np.cos(lo), r * np.cos(la) * np.sin(lo), r * np.sin(la))
        fluxes = [proton(47.7, shell, ratio).mean(1), electron(1.203, shell, ratio).mean(1)]
        for inclination in (30, 40, 53, 70, 100):
            w = orbit_weights(latitudes, inclination)
            out.append(f"{altitude},{inclination}," + ",".join(f"{(f * w).sum():.4e}" for f in fluxes))
    (ROOT / "testdata/radiation/orbit_mean_flux.csv").write_text("\n".join(out) + "\n")


def main():
    parts = build()
    write_reference()
    p_inverse, e_inverse, p_ends, e_ends, p, e, b = parts
    span = lambda a: f"[{a[0]:.5f}, {a[1] - a[0]:.5f}]"
    lines = ["//! AP-8 MIN and AE-8 MAX in low orbit; written by testdata/radiation/trapped_tables.py, not by hand.", ""]
    lines += ["/// First column of B/Bc and the step.", f"pub(super) const COLUMNS: [f64; 2] = {span(COLUMNS)};", ""]
    lines += ["/// First 1/L of the proton rows and the step.", f"pub(super) const PROTON_ROWS: [f64; 2] = {span(p_inverse)};", ""]
    lines += ["/// First 1/L of the electron rows and the step.", f"pub(super) const ELECTRON_ROWS: [f64; 2] = {span(e_inverse)};", ""]
    lines += ["/// Threshold energies of [`PROTONS`], MeV.", f"pub(super) const PROTON_MEV: [f64; 4] = {PROTON_ENERGIES};", ""]
    lines += ["/// Threshold energies of [`ELECTRONS`], MeV.", f"pub(super) const ELECTRON_MEV: [f64; 5] = {ELECTRON_ENERGIES};", ""]
    lines += column("PROTON_CUTOFF", "Bc of each proton row, gauss.", p_ends)
    lines += column("ELECTRON_CUTOFF", "Bc of each electron row, gauss.", e_ends)
    lines += rust("PROTONS", "`[energy][1/L][B/Bc]` of ln(J/(1 - B/Bc)), AP-8 MIN.", p)
    lines += rust("ELECTRONS", "`[energy][1/L][B/Bc]` of ln(J/(1 - B/Bc)), AE-8 MAX.", e)
    lines += rust("RADIATED", "`[0][1/L][B/Bc]` of ln(Q/(1 - B/Bc)), Q the sum of E^2 over AE-8 MAX.", b)
    (ROOT / "crates/sunward-plant/src/radiation/trapped_tables.rs").write_text("\n".join(lines[:-1]) + "\n")
    measure(parts)


if __name__ == "__main__":
    main()
