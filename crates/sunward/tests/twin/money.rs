//! Halls on the ground, fleets that are counted, and the ledger: what is billed follows from what happened.

use sunward::Outcome;
use sunward_sim::record::EventKind;
use sunward_sim::summary::Money;

use crate::flight::{events, faults, flown, with};

/// A hall of a hundred accelerators with a job that outlasts the run; nothing fails.
const HALL: &str = r#"
[mission]
name = "hall"
start = "2027-01-01T00:00:00Z"
duration = "30 d"
step = "10 min"
seed = 1
[[site]]
name = "hall"
compute = { accelerator = "h100-sxm", count = 100 }
[site.ground]
latitude = "41 deg"
longitude = "-96 deg"
power = "200 kW"
bandwidth = "10 Gbit/s"
power_usage_effectiveness = 1.25
water_usage = "0.5 kg/kWh"
electricity_price = "0.08 USD/kWh"
grid = "coal"
water_price = "0.002 USD/kg"
[site.cost]
unit_price = "3 MUSD"
accelerator_price = "30000 USD"
life = "20 yr"
accelerator_life = "5 yr"
operations = "3 %/yr"
disposal = "2 %"
[cost]
price_year = 2026
discount_rate = "7 %"
staff = "1 MUSD/yr"
[[override]]
key = "site[0].compute.accelerator.permanent_failure_rate"
value = "1 %/yr"
[[job]]
name = "load"
kind = "training"
each = true
priority = 5
parameters = 7_000_000_000
tokens_per_step = 4_000_000
steps = 1_000_000_000
layers = 32
width = 4096
context = 8192
precision = "bf16"
utilisation = 0.4
accelerators = 90
checkpoint_interval = "1 h"
"#;

/// Two satellites of many accelerators.
const FLEET: &str = r#"
[mission]
name = "fleet"
start = "2027-01-01T00:00:00Z"
duration = "2 d"
step = "2 min"
seed = 1
[[site]]
name = "rack"
platform = "datacenter-satellite-100kw"
count = 2
orbit.sun_synchronous = { altitude = "650 km", local_time = "06:00" }
compute = { accelerator = "gb200-nvl72", count = 1 }
[site.cost]
launch_price = "500 USD/kg"
[cost]
price_year = 2026
launch_learning_rate = "20 %"
[[job]]
name = "load"
kind = "training"
each = true
priority = 5
parameters = 7_000_000_000
tokens_per_step = 4_000_000
steps = 1_000_000_000
layers = 32
width = 4096
context = 8192
precision = "bf16"
utilisation = 0.4
checkpoint_interval = "1 h"
"#;

const YEAR_S: f64 = 365.25 * 86_400.0;

fn money(outcome: &Outcome) -> &Money {
    outcome.summary.money.as_ref().expect("a mission with prices keeps a ledger")
}

fn amount(amounts: &[(String, sunward_units::Usd)], category: &str) -> f64 {
    amounts.iter().find(|(name, _)| name == category).unwrap_or_else(|| panic!("no category {category}")).1.0
}

fn close(got: f64, expected: f64, relative: f64) {
    assert!((got / expected - 1.0).abs() <= relative, "{got} against {expected}");
}

/// By hand: the meter reads the load times the PUE, the bill is energy times price, water and carbon follow from them.
#[test]
fn a_hall_is_billed_for_what_it_draws() {
    let outcome = flown(HALL);
    let (energy, money) = (&outcome.summary.energy, money(&outcome));
    let computers = energy.accelerator.0 + energy.other_loads.0;
    close(energy.generated.0, 1.25 * (computers + energy.stored.0), 1e-3);
    close(money.energy.0, computers, 1e-9);
    close(amount(&money.paid, "electricity"), energy.generated.0 / 3.6e6 * 0.08, 1e-9);
    close(amount(&money.paid, "water"), computers / 3.6e6 * 0.5 * 0.002, 1e-9);
    close(money.water.0, computers / 3.6e6 * 0.5, 1e-9);
    // IPCC AR5: 820 g/kWh.
    close(money.carbon.0, energy.generated.0 / 3.6e6 * 0.820, 1e-9);
    assert_eq!(outcome.summary.launched.0, 0.0);
    assert!(outcome.summary.heat.chip_max.celsius() < 87.0, "a hall sized for its load does not throttle");
}

/// By hand: price times capital recovery times the share of a year, and upkeep, staff and disposal by time.
#[test]
fn the_cost_of_the_time_flown_is_the_annuity_of_each_part() {
    let outcome = flown(HALL);
    let money = money(&outcome);
    let years = 30.0 * 86_400.0 / YEAR_S;
    let recovery = |life: f64| 0.07 / (1.0 - 1.07f64.powf(-life));
    close(amount(&money.of_time_flown, "building"), 3e6 * recovery(20.0) * years, 1e-9);
    close(amount(&money.of_time_flown, "compute"), 100.0 * 30e3 * recovery(5.0) * years, 1e-9);
    close(amount(&money.of_time_flown, "staff"), (0.03 * 3e6 + 1e6) * years, 1e-9);
    close(amount(&money.of_time_flown, "disposal"), 0.02 * 3e6 * years / 20.0, 1e-9);
    let total: f64 = money.of_time_flown.iter().map(|(_, amount)| amount.0).sum();
    close(money.levelized.0, total, 1e-12);
    close(money.usd_per_mwh.unwrap(), total / (money.energy.0 / 3.6e9), 1e-12);
    close(money.usd_per_gpu_hour.unwrap(), total / (money.accelerator_time.0 / 3600.0), 1e-12);
    close(money.usd_per_pflop_day.unwrap(), total / (outcome.summary.work.computed.0 / 8.64e19), 1e-12);
    close(money.accelerator_time.0, 90.0 * 30.0 * 86_400.0 * outcome.summary.work.availability.0, 1e-6);
    let paid: f64 = outcome.record.ledger.iter().map(|line| line.amount.0).sum();
    close(money.capital.0 + money.operating.0, paid, 1e-12);
    assert!(outcome.record.ledger.is_sorted_by_key(|line| line.time));
}

#[test]
fn what_fails_is_swapped_where_that_is_wanted_and_paid() {
    let worse = with(HALL, "count = 100 }", "count = 20_000 }");
    let worse = with(&worse, "power = \"200 kW\"", "power = \"40 MW\"");
    let kept = flown(&with(&worse, "disposal = \"2 %\"", "disposal = \"2 %\"\nreplacement_delay = \"3 d\""));
    let lost = flown(&worse);
    let (failed, swapped) = (events(&kept, EventKind::PermanentFault), events(&kept, EventKind::Replaced));
    assert!(failed.len() > 10 && events(&lost, EventKind::Replaced).is_empty());
    // Each failure that leaves time for it is answered three days later.
    let answered: Vec<f64> = failed.iter().map(|at| at + 3.0 * 86_400.0).filter(|at| *at <= 30.0 * 86_400.0).collect();
    assert_eq!(swapped.len(), answered.len());
    assert!(swapped.iter().zip(&answered).all(|(got, expected)| (got - expected).abs() < 1e-6));
    assert_eq!(amount(&money(&kept).paid, "replacement"), 30e3 * swapped.len() as f64);
    assert_eq!(amount(&money(&lost).paid, "replacement"), 0.0);
    // What the accelerators cost, swapped ones included, is left out where they are.
    let kept = money(&kept);
    let chips = amount(&kept.of_time_flown, "compute") + amount(&kept.of_time_flown, "replacement");
    close(kept.usd_per_mwh_without_accelerators.unwrap(), (kept.levelized.0 - chips) / (kept.energy.0 / 3.6e9), 1e-12);
}

/// A counted fleet is its flown part as often as it stands for it, but for the launch price, which falls with its mass.
#[test]
fn a_fleet_counted_is_a_fleet_flown_so_many_times() {
    let two = flown(FLEET);
    let many = flown(&with(FLEET, "count = 2\n", "count = 200\nflown = 2\n"));
    let (a, b) = (&two.summary, &many.summary);
    assert_eq!((a.sites, b.sites), (2, 200));
    let pairs = [
        (a.launched.0, b.launched.0),
        (a.work.computed.0, b.work.computed.0),
        (a.energy.generated.0, b.energy.generated.0),
        (money(&two).accelerator_time.0, money(&many).accelerator_time.0),
        (amount(&money(&two).paid, "satellites"), amount(&money(&many).paid, "satellites")),
    ];
    for (one, hundred) in pairs {
        close(hundred, 100.0 * one, 1e-12);
    }
    assert_eq!(a.heat.chip_max, b.heat.chip_max);
    close(b.work.clock_mean.0, a.work.clock_mean.0, 1e-12);
    let launch = |outcome| amount(&money(outcome).paid, "launch");
    assert!(launch(&many) < 100.0 * launch(&two), "each kilogram makes the next one cheaper");
    assert!(launch(&many) > 50.0 * launch(&two));
}

/// By hand: without learning, mass times price; with it, Wright's law between the masses launched before and after.
#[test]
fn launched_mass_is_paid_at_that_days_price() {
    let flat = flown(&with(FLEET, "launch_learning_rate = \"20 %\"", "launch_learning_rate = \"0 %\""));
    close(amount(&money(&flat).paid, "launch"), 2.0 * 2500.0 * 500.0, 1e-12);
    let steep = "launch_price = \"500 USD/kg\"\nlaunch_cumulative = \"5 t\"";
    let steep = flown(&with(FLEET, "launch_price = \"500 USD/kg\"", steep));
    // From 5 t to 10 t at b = -log2(0.8): 500 x 5000 x (2^(1-b) - 1) / (1-b).
    let slope = 1.0 + 0.8f64.log2();
    close(amount(&money(&steep).paid, "launch"), 500.0 * 5000.0 * (2f64.powf(slope) - 1.0) / slope, 1e-9);
    // Worn out after a day, when the market has grown: two more are launched, and cheaper.
    let renewed = FLEET.replace("launch_price = \"500 USD/kg\"", "launch_price = \"500 USD/kg\"\nlife = \"1 d\"");
    let renewed = flown(&with(&renewed, "price_year = 2026", "price_year = 2026\nlaunch_market = \"3000 kt/yr\""));
    let launches: Vec<f64> =
        renewed.record.ledger.iter().filter(|line| line.category == "launch").map(|line| line.amount.0).collect();
    assert!(launches.len() >= 3, "{launches:?}");
    assert!(launches[1] < 0.5 * launches[0], "half the mass at a lower price: {launches:?}");
    assert_eq!(events(&renewed, EventKind::Replaced).len(), 2 * (launches.len() - 1) / 2);
}

/// Interest makes what is paid first dearer; a hall that is used less costs more an hour.
#[test]
fn dearer_money_and_less_work_cost_more() {
    let usual = flown(HALL);
    let dear = flown(&with(HALL, "discount_rate = \"7 %\"", "discount_rate = \"12 %\""));
    let slow = flown(&with(HALL, "accelerators = 90", "accelerators = 30"));
    let per_work = |outcome| money(outcome).usd_per_pflop_day.unwrap();
    assert!(per_work(&dear) > per_work(&usual) && per_work(&slow) > 2.0 * per_work(&usual));
    assert!(money(&dear).net_present_value > money(&usual).net_present_value, "later bills weigh less");
    let hired = flown(&with(HALL, "price_year = 2026", "price_year = 2026\nhire_price = \"3 USD/h\""));
    close(money(&hired).revenue.0, 3.0 * money(&hired).accelerator_time.0 / 3600.0, 1e-9);
    assert_eq!(money(&hired).levelized, money(&usual).levelized, "revenue is no cost");
}

/// Belts end in 2035, halls do not.
#[test]
fn a_hall_runs_in_years_for_which_no_dose_is_known() {
    let later = |text: &str| with(text, "start = \"2027-01-01T00:00:00Z\"", "start = \"2040-01-01T00:00:00Z\"");
    assert!(flown(&later(HALL)).summary.work.computed.0 > 0.0);
    assert!(faults(&later(FLEET)).contains("for which radiation is modelled"));
    assert!(faults(&later(HALL).replace("2040", "2250")).contains("in which time is counted"));
}

#[test]
fn what_does_not_go_together_is_told() {
    let told = |old: &str, new: &str, expected: &str| {
        let faults = faults(&with(HALL, old, new));
        assert!(faults.contains(expected), "{expected:?} is not in\n{faults}");
    };
    told(
        "[site.ground]",
        "orbit.sun_synchronous = { altitude = \"650 km\", local_time = \"06:00\" }\n[site.ground]",
        "orbit and ground are both given",
    );
    told("[site.cost]", "[site.array]\narea = \"1 m2\"\n[site.cost]", "site[0].array.area belongs to a satellite");
    told("disposal = \"2 %\"", "insurance = \"2 %\"", "a hall is not launched");
    told("disposal = \"2 %\"", "replace_below = \"20 %\"", "nothing is replaced without a replacement_delay");
    told("electricity_price = \"0.08 USD/kWh\"", "", "missing key site[0].ground.electricity_price");
    told(
        "name = \"hall\"\ncompute",
        "name = \"hall\"\ncount = 5\nflown = 2\ncompute",
        "flown 2 does not divide the count of 5",
    );
    told("each = true", "each = true\nsite = \"hall\"", "site and each are both given");
    let counted = with(FLEET, "count = 2\n", "count = 4\nflown = 2\n");
    for job in ["site = \"rack-1\"", ""] {
        let faults = faults(&with(&counted, "each = true", job));
        assert!(faults.contains("each unit flown stands for 2, and one job is done once"), "{faults}");
    }
    let unpriced = HALL.replace("[cost]\nprice_year = 2026\ndiscount_rate = \"7 %\"\nstaff = \"1 MUSD/yr\"\n", "");
    assert!(faults(&unpriced).contains("the mission has no cost section"), "{}", faults(&unpriced));
}
