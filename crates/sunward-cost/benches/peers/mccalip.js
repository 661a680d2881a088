// Evaluations a second of McCalip's calculator in JavaScript, written from its formulas; the peer of benches/mccalip.rs.
//
//     node crates/sunward-cost/benches/peers/mccalip.js
'use strict';

const DRAWS = 1 << 16;
const ROUNDS = 40;
const HOURS = 8760;

function orbital(s) {
  const r = 1 - s.degradation;
  let sum = 0;
  for (let year = 0; year < s.years; year += 1) sum += Math.pow(r, year);
  const capacity = sum / s.years;
  const requiredW = s.targetW / (capacity * s.sunFraction);
  const satellites = Math.ceil(requiredW / s.satelliteW);
  const initialW = satellites * s.satelliteW;
  const massKg = satellites * (s.satelliteW / s.specificPower);
  const hardware = s.hardwarePrice * initialW;
  const launch = s.launchPrice * massKg;
  const operations = hardware * 0.01 * s.years;
  const accelerators = hardware * s.acceleratorFailure * s.years;
  const total = hardware + launch + operations + accelerators + s.development;
  const energyMwh = (s.targetW / 1e6) * (s.years * HOURS);
  const launches = Math.ceil(massKg / 100000);
  return {
    capacity, requiredW, satellites, initialW, massKg, hardware, launch, operations, accelerators, total, energyMwh,
    usdPerMwh: total / energyMwh, arrayM2: satellites * (116 * (s.satelliteW / 1000 / 27)), launches,
    oxygen: launches * 787000, methane: launches * 755000,
  };
}

function ground(s) {
  const capital = ((1800 * s.pue) / 1000) * s.targetW + 5.25 * s.targetW + 3 * s.targetW + 2.5 * s.targetW
    + 1.75 * s.targetW;
  const energyMwh = (s.targetW / 1e6) * (s.years * HOURS) * s.capacityFactor;
  const generationMwh = energyMwh * s.pue;
  const fuel = ((s.heatRate * s.gasPrice) / 1000) * generationMwh;
  const total = capital + fuel;
  return {
    capital, energyMwh, generationMwh, fuel, total, usdPerMwh: total / energyMwh,
    gasBcf: (generationMwh * 1000 * s.heatRate) / 1000 / 1e9, turbines: Math.ceil((s.targetW * s.pue) / 430e6),
  };
}

function breakEven(s, orbit, campus) {
  const capital = ((1800 * s.pue) / 1000 + 5.25 + 3 + 2.5 + 1.75) * s.targetW;
  return (capital + campus.fuel - s.hardwarePrice * orbit.requiredW) / (orbit.requiredW / s.specificPower);
}

function thermal(s, arrayM2) {
  const center = 6371 / (6371 + s.altitudeKm);
  const nadir = center * center;
  const cosBeta = Math.cos((s.betaDeg * Math.PI) / 180);
  let cells = 0;
  let radiator = 0;
  for (let point = 0; point < 72; point += 1) {
    const cosine = cosBeta * Math.cos((2 * Math.PI * point) / 72);
    cells += cosine > 0 ? nadir * cosine : 0.05 * nadir;
    radiator += -cosine > 0 ? nadir * -cosine : 0.05 * nadir;
  }
  cells /= 72;
  radiator /= 72;
  const emissivity = s.cellEmissivity + s.radiatorEmissivity;
  const electric = 1361 * s.efficiency * arrayM2;
  const infrared = 237 * cells * s.cellEmissivity * arrayM2 + 237 * radiator * s.radiatorEmissivity * arrayM2;
  const albedo = 1361 * 0.3 * cells * cosBeta * s.absorptance * arrayM2;
  const heat = 1361 * s.absorptance * arrayM2 - electric + infrared + albedo + electric;
  const kelvin = Math.pow(heat / (5.67e-8 * arrayM2 * emissivity) + 81, 0.25);
  const limit = s.dieC - s.dropC + 273.15;
  return { cells, radiator, kelvin, areaM2: heat / (5.67e-8 * emissivity * (limit ** 4 - 81)) };
}

const base = {
  years: 5, targetW: 1e9, launchPrice: 500, hardwarePrice: 22, specificPower: 36.5, satelliteW: 27000, sunFraction: 0.98,
  degradation: 0.025, acceleratorFailure: 0.09, development: 1e9, pue: 1.2, gasPrice: 4.3, heatRate: 6200,
  capacityFactor: 0.85, altitudeKm: 550, betaDeg: 90, absorptance: 0.92, cellEmissivity: 0.85, radiatorEmissivity: 0.9,
  efficiency: 0.22, dieC: 85, dropC: 10,
};

module.exports = { orbital, ground, breakEven, thermal, base };
if (require.main !== module) return;

const check = orbital(base);
if (check.total !== 51095348397.26028) throw new Error(`total is ${check.total}`);
if (Math.abs(thermal(base, check.arrayM2).kelvin - 335.749538) > 1e-6) throw new Error('temperature');

function column(low, high) {
  return Float64Array.from({ length: DRAWS }, () => low + (high - low) * Math.random());
}
const draws = {
  launchPrice: column(1, 2940), hardwarePrice: column(1, 40), specificPower: column(3, 500), sunFraction: column(0.55, 1),
  degradation: column(0, 0.12), acceleratorFailure: column(0, 0.1), development: column(0, 1e10),
};

function stateAt(draw) {
  return {
    ...base, launchPrice: draws.launchPrice[draw], hardwarePrice: draws.hardwarePrice[draw],
    specificPower: draws.specificPower[draw], sunFraction: draws.sunFraction[draw], degradation: draws.degradation[draw],
    acceleratorFailure: draws.acceleratorFailure[draw], development: draws.development[draw],
  };
}

let kept = 0;
function rate(one) {
  let best = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = process.hrtime.bigint();
    for (let draw = 0; draw < DRAWS; draw += 1) kept += one(draw);
    best = Math.max(best, DRAWS / (Number(process.hrtime.bigint() - start) / 1e9));
  }
  return (best / 1e6).toFixed(2).padStart(10);
}

const states = Array.from({ length: DRAWS }, (_, draw) => stateAt(draw));
const whole = (s) => {
  const orbit = orbital(s);
  const campus = ground(s);
  return { orbit, value: orbit.usdPerMwh + campus.usdPerMwh + breakEven(s, orbit, campus) };
};
console.log(`orbit, ground and break-even, one by one    ${rate((draw) => whole(states[draw]).value)} million/s`);
console.log(`the same with the thermal part              ${rate((draw) => {
  const out = whole(states[draw]);
  return out.value + thermal(states[draw], out.orbit.arrayM2).kelvin;
})} million/s`);
console.log(`orbital totals alone                        ${rate((draw) => orbital(states[draw]).total)} million/s`);
if (!Number.isFinite(kept)) throw new Error('a value is not finite');
