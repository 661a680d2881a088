use rayon::prelude::*;

use super::*;
use crate::campaign::Counts;
use crate::gpt::engine::Memory;
use crate::gpt::train::Region;

fn config() -> TrainingConfig {
    TrainingConfig {
        flips: 400,
        memory_corrected: false,
        regions: Vec::new(),
        layers: 1,
        heads: 2,
        width: 16,
        context: 16,
        batch: 4,
        learning_rate: 3e-3,
        steps: 60,
        continued: 12,
        evaluate_batches: 4,
        quiet_runs: 1,
        guards: GuardConfig::recommended(),
        rollback: Some(5),
    }
}

fn outcomes(config: &TrainingConfig) -> Vec<Outcome> {
    let campaign = TrainingCampaign::prepare(config, 1, 0.02).unwrap();
    (0..config.flips).map(|number| campaign.run(number)).collect()
}

/// The exponents of products in flight, and all of resident memory.
#[test]
fn recommended_defences_leave_no_silent_flip_and_without_them_there_are_some() {
    let mut harmed = 0;
    for memory_corrected in [false, true] {
        let defended = TrainingConfig { memory_corrected, ..config() };
        let struck = outcomes(&defended);
        let counts = Counts::of(&struck);
        let silent: Vec<_> = struck.iter().filter(|outcome| outcome.class == Class::Silent).collect();
        assert!(counts.recovered > 20 && silent.is_empty(), "{counts:?}: {silent:?}");
        let recovered = struck.iter().filter(|outcome| outcome.class == Class::Recovered);
        assert!(recovered.clone().all(|outcome| outcome.exact && outcome.harm == Some(0.0) && outcome.lost > 0));
        let bare = TrainingConfig { guards: GuardConfig::default(), ..defended };
        let counts = Counts::of(&outcomes(&bare));
        assert_eq!(counts.recovered + counts.detected, 0);
        harmed += counts.silent;
    }
    assert!(harmed > 2, "{harmed}");
}

#[test]
fn without_a_checkpoint_a_flip_is_detected_and_the_run_ended() {
    let config = TrainingConfig { rollback: None, regions: vec![Target::FirstMoment], flips: 20, ..config() };
    for outcome in outcomes(&config) {
        assert_eq!((outcome.class, outcome.harm), (Class::Detected, None), "{outcome:?}");
        assert_eq!(outcome.guard.as_deref(), Some("shards"));
    }
}

#[test]
fn threads_and_order_change_no_outcome() {
    let config = TrainingConfig { flips: 30, ..config() };
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let campaign = TrainingCampaign::prepare(&config, 5, 0.02).unwrap();
            (0..config.flips).into_par_iter().map(|number| campaign.run(number)).collect::<Vec<_>>()
        })
    };
    let alone = TrainingCampaign::prepare(&config, 5, 0.02).unwrap().run(29);
    let all = run(2);
    assert_eq!((&all, &all[29]), (&run(1), &alone));
}

#[test]
fn flips_fall_on_places_by_their_size_and_on_all_bits() {
    let campaign = TrainingCampaign::prepare(&TrainingConfig { steps: 0, ..config() }, 1, 0.02).unwrap();
    let trainer = campaign.state().trainer();
    let tries = 4000;
    let mut struck = [0; 2];
    let mut bits = [0; 32];
    for number in 0..tries {
        let draw = Stream::new(3, number, Purpose::Strike);
        let (target, strike) = trainer.draw_strike(&Target::RESIDENT, draw, 0);
        struck[0] += u32::from(target == Target::Weights);
        struck[1] += u32::from(target == Target::Activations);
        bits[strike.bit % 32] += 1;
    }
    let buffers = trainer.buffers();
    let [weights, activations] = [Region::Weights, Region::Activations].map(|region| buffers.bytes(region) as f64);
    let all: usize = Region::ALL.iter().map(|region| buffers.bytes(*region)).sum::<usize>() + trainer.packed().bytes();
    for (struck, bytes) in struck.into_iter().zip([weights, activations]) {
        let expected = f64::from(tries) * bytes / all as f64;
        assert!((f64::from(struck) - expected).abs() < 4.0 * expected.sqrt(), "{struck} of {expected}");
    }
    assert!(bits.iter().all(|count| (70..180).contains(count)), "{bits:?}");
}

#[test]
fn unusable_campaigns_are_refused() {
    let error = |config| TrainingCampaign::prepare(&config, 1, 0.02).err().unwrap().to_string();
    assert_eq!(
        error(TrainingConfig { continued: 1, ..config() }),
        "training.continued is 1, expected at least 2 steps"
    );
    assert_eq!(
        error(TrainingConfig { regions: vec![Target::Weights], memory_corrected: true, ..config() }),
        "regions: weights cannot be struck here, expected some of activations, gradients, adapter-gradients, products"
    );
    assert_eq!(error(TrainingConfig { heads: 3, ..config() }), "width 16 is not a multiple of 3 heads");
    for tolerance in [-0.1, f64::NAN, f64::INFINITY] {
        let refused = TrainingCampaign::prepare(&config(), 1, tolerance).err().unwrap().to_string();
        assert_eq!(refused, format!("tolerance is {tolerance}, expected 0 nat or above, and finite"));
    }
    let guards = GuardConfig { loss_spike: Some(-1.0), ..GuardConfig::default() };
    assert_eq!(error(TrainingConfig { guards, ..config() }), "training.guards.loss_spike is -1, expected above 0");
}
