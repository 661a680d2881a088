// Writes mccalip.csv: outputs of McCalip's calculator at its presets and at random places of its sliders, by the peer in
// JavaScript that crates/sunward-cost/benches/peers/mccalip.js holds. Node 20.20.2:
//
//     node testdata/cost/mccalip.js > testdata/cost/mccalip.csv
'use strict';

const peer = require('../../crates/sunward-cost/benches/peers/mccalip.js');

// xorshift32, so that the cases are the same on every machine.
let state = 2463534242;
function uniform() {
  state ^= state << 13; state ^= state >>> 17; state ^= state << 5;
  return (state >>> 0) / 4294967296;
}
const between = (low, high, step) => Number((low + Math.round(((high - low) * uniform()) / step) * step).toFixed(4));

// Inputs by the calculator's names and units, in the order of the columns.
const defaults = {
  years: 5, target_gw: 1, launch_cost_per_kg: 500, satellite_cost_per_w: 22, specific_power_w_per_kg: 36.5,
  satellite_power_kw: 27, sun_fraction: 0.98, cell_degradation: 2.5, gpu_failure_rate: 9, nre_cost: 1000, pue: 1.2,
  gas_price_per_mmbtu: 4.3, heat_rate_btu_kwh: 6200, capacity_factor: 0.85, solar_absorptivity: 0.92, emissivity_pv: 0.85,
  emissivity_rad: 0.9, pv_efficiency: 0.22, beta_angle: 90, orbital_altitude_km: 550, max_die_temp_c: 85, temp_drop_c: 10,
};
const presets = [
  {}, { launch_cost_per_kg: 2940 }, { satellite_cost_per_w: 32, specific_power_w_per_kg: 24.7, satellite_power_kw: 7 },
  { satellite_cost_per_w: 25, specific_power_w_per_kg: 31.6, satellite_power_kw: 60 }, { specific_power_w_per_kg: 3 },
  { sun_fraction: 0.6, beta_angle: 0 }, { years: 10 }, { years: 3 },
];
function drawn() {
  return {
    years: between(3, 10, 1), target_gw: between(1, 1000, 1), launch_cost_per_kg: between(1, 2940, 1),
    satellite_cost_per_w: between(1, 40, 0.5), specific_power_w_per_kg: between(3, 500, 0.1),
    satellite_power_kw: between(5, 500, 1), sun_fraction: between(0.55, 1, 0.01), cell_degradation: between(0, 12, 0.1),
    gpu_failure_rate: between(0, 10, 0.5), nre_cost: between(0, 10000, 100), pue: between(1, 1.6, 0.01),
    gas_price_per_mmbtu: between(1, 12, 0.05), heat_rate_btu_kwh: between(5800, 9000, 10),
    capacity_factor: between(0.5, 1, 0.01), solar_absorptivity: between(0.8, 0.98, 0.01),
    emissivity_pv: between(0.7, 0.95, 0.01), emissivity_rad: between(0.7, 0.95, 0.01), pv_efficiency: between(0.15, 0.35, 0.01),
    beta_angle: between(0, 90, 1), orbital_altitude_km: between(300, 2000, 10), max_die_temp_c: between(70, 110, 1),
    temp_drop_c: between(0, 30, 1),
  };
}

function outputs(s) {
  const slider = {
    years: s.years, targetW: s.target_gw * 1000 * 1e6, launchPrice: s.launch_cost_per_kg, hardwarePrice: s.satellite_cost_per_w,
    specificPower: s.specific_power_w_per_kg, satelliteW: s.satellite_power_kw * 1000, sunFraction: s.sun_fraction,
    degradation: s.cell_degradation / 100, acceleratorFailure: s.gpu_failure_rate / 100, development: s.nre_cost * 1e6,
    pue: s.pue, gasPrice: s.gas_price_per_mmbtu, heatRate: s.heat_rate_btu_kwh, capacityFactor: s.capacity_factor,
    altitudeKm: s.orbital_altitude_km, betaDeg: s.beta_angle, absorptance: s.solar_absorptivity, cellEmissivity: s.emissivity_pv,
    radiatorEmissivity: s.emissivity_rad, efficiency: s.pv_efficiency, dieC: s.max_die_temp_c, dropC: s.temp_drop_c,
  };
  const orbit = peer.orbital(slider);
  const campus = peer.ground(slider);
  const heat = peer.thermal(slider, orbit.arrayM2);
  return {
    'orbital.satellite_count': orbit.satellites, 'orbital.total_mass_kg': orbit.massKg, 'orbital.total_cost': orbit.total,
    'orbital.lcoe': orbit.usdPerMwh, 'orbital.array_area_km2': orbit.arrayM2 / 1e6, 'orbital.lox_gallons': orbit.oxygen,
    'orbital.methane_gallons': orbit.methane, 'terrestrial.total_cost': campus.total, 'terrestrial.lcoe': campus.usdPerMwh,
    'terrestrial.gas_consumption_bcf': campus.gasBcf, 'terrestrial.turbine_count': campus.turbines,
    'breakeven.launch_cost_per_kg': peer.breakEven(slider, orbit, campus), 'thermal.vf_side_a': heat.cells,
    'thermal.vf_side_b': heat.radiator, 'thermal.eq_temp_k': heat.kelvin, 'thermal.area_required_km2': heat.areaM2 / 1e6,
  };
}

const cases = [...presets, ...Array.from({ length: 200 }, drawn)].map((own) => ({ ...defaults, ...own }));
console.log(`# node testdata/cost/mccalip.js, Node ${process.version}: inputs of the calculator, then outputs`);
console.log([...Object.keys(defaults), ...Object.keys(outputs(defaults))].join(','));
for (const own of cases) console.log([...Object.values(own), ...Object.values(outputs(own))].join(','));
