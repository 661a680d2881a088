"""Prints the polynomial coefficients of crates/sunward-units/src/math.rs and the error each polynomial leaves.

python3 -m pip install mpmath==1.4.1; python3 testdata/math/coefficients.py

Each is the interpolant at Chebyshev nodes (within a factor of two of the best polynomial of its degree), computed with
50 digits and rounded to double precision; the printed error is that of the exact function against the polynomial with the
rounded coefficients, in units of 2**-53 of the function's value.
"""
from mpmath import cos, exp, log, lu_solve, matrix, mp, mpf, pi, sin, sqrt

mp.dps = 50


def interpolate(function, low, high, degree):
    nodes = [(low + high) / 2 + (high - low) / 2 * cos(pi * (2 * k + 1) / (2 * degree + 2)) for k in range(degree + 1)]
    system = matrix([[x**power for power in range(degree + 1)] for x in nodes])
    return [float(c) for c in lu_solve(system, matrix([function(x) for x in nodes]))]


def value(coefficients, x):
    return sum(mpf(c) * x**power for power, c in enumerate(coefficients))


def show(name, coefficients, error, low, high):
    points = [low + (high - low) * k / 2000 for k in range(1, 2001)]
    worst = max(abs(error(x)) for x in points if x != 0)
    print(f"{name}: degree {len(coefficients) - 1}, error {float(worst * 2**53):.3f} x 2^-53")
    print("  " + ", ".join(repr(c) for c in coefficients))



quarter, half = (pi / 4) ** 2, (pi / 2) ** 2
tiny = mpf(10) ** -20


def sine_tail(u):
    return -mpf(1) / 6 + u / 120 if u < tiny else (sin(sqrt(u)) / sqrt(u) - 1) / u


def cosine_tail(u):
    return mpf(1) / 24 - u / 720 if u < tiny else (cos(sqrt(u)) - 1 + u / 2) / u**2


def exp_tail(x):
    return mpf(1) / 2 + x / 6 if abs(x) < tiny else (exp(x) - 1 - x) / x**2


def sine_error(p):
    return lambda u: (1 + u * value(p, u)) / (sin(sqrt(u)) / sqrt(u)) - 1


p = interpolate(sine_tail, mpf(0), quarter, 5)
show("SIN: sin x = x + x^3 p(x^2), |x| <= pi/4", p, sine_error(p), mpf(0), quarter)
p = interpolate(cosine_tail, mpf(0), quarter, 5)
show("COS: cos x = 1 - x^2/2 + x^4 p(x^2), |x| <= pi/4", p,
     lambda u, p=p: (1 - u / 2 + u**2 * value(p, u)) / cos(sqrt(u)) - 1, mpf(0), quarter)
p = interpolate(sine_tail, mpf(0), half, 8)
show("SIN_HALF_TURN: sin x = x + x^3 p(x^2), |x| <= pi/2", p, sine_error(p), mpf(0), half)
p = interpolate(exp_tail, -log(2) / 2, log(2) / 2, 9)
show("EXP: exp x = 1 + x + x^2 p(x), |x| <= ln 2 / 2", p,
     lambda x, p=p: (1 + x + x**2 * value(p, x)) / exp(x) - 1, -log(2) / 2, log(2) / 2)
for name, exact in [("pi/2", pi / 2), ("pi", pi), ("ln 2", log(2))]:
    high = float(exact)
    print(f"{name} = {high!r} + {float(exact - mpf(high))!r}")
