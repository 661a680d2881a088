use std::sync::Arc;

use super::*;
use crate::gpt::config::{GptConfig, TrainConfig};
use crate::gpt::data::Corpus;
use crate::gpt::engine::Memory;
use crate::gpt::train::{Phase, Region};
use crate::gpt::watch::Place;
use sunward_units::Seconds;
use sunward_work::defence::{Defences, GuardConfig};
use sunward_work::demand::Training;

fn trainer() -> Trainer {
    let config = GptConfig { layers: 1, heads: 2, width: 32, context: 16, vocabulary: 40 };
    let settings = TrainConfig { batch: 8, warmup: 0, learning_rate: 3e-3, ..TrainConfig::default() };
    Trainer::new(config, settings, Arc::new(Corpus::generated(20_000, 1))).unwrap()
}

/// A run of 45 unhurt steps.
fn settled(defences: Defences) -> Defended {
    let mut run = Defended::new(trainer(), defences);
    for _ in 0..45 {
        run.step(None).unwrap().unwrap();
    }
    assert_eq!(run.incidents(), []);
    run
}

fn only(guards: GuardConfig) -> Defences {
    Defences { guards, rollback: Some(10) }
}

fn strike(place: Place, bit: usize) -> Strike {
    Strike { place, bit }
}

/// The run struck in its 46th step and brought to step 60, and the bytes of an unhurt one there.
fn struck(defences: Defences, strike: Strike) -> (Defended, bool) {
    let mut run = settled(defences);
    let mut unhurt = run.clone();
    run.step(Some(strike)).unwrap();
    for run in [&mut run, &mut unhurt] {
        while run.trainer().iteration() < 60 {
            run.step(None).unwrap();
        }
    }
    let same = run.trainer().checkpoint() == unhurt.trainer().checkpoint();
    (run, same)
}

/// First element of the first perceptron matrix.
fn matrix() -> usize {
    trainer().layout().blocks[0].mlp_in.start
}

/// For each defence a flip that it finds, and that does lasting harm to the bytes without it.
#[test]
fn each_defence_finds_what_it_is_for_and_undefended_it_passes() {
    let nothing = GuardConfig::default();
    let (pass, chunk) = (0, 0);
    let weights = |phase| Place::Buffer { region: Region::Weights, phase };
    // A sign of a product's output is within every range, a magnitude of 1e30 is not.
    let product = Place::Product { pass, chunk, matrix: matrix(), forward: true };
    let stream = Place::Activations { pass, chunk, done: 0 };
    let gradients = Place::Buffer { region: Region::Gradients, phase: Phase::Gradients };
    let cases = [
        (GuardConfig { shards: true, ..nothing }, strike(weights(Phase::Forward { pass }), 32 * 5000 + 20), "shards"),
        (GuardConfig { products: true, ..nothing }, strike(product, 32 * 4 + 31), "products"),
        (GuardConfig { products: true, ..nothing }, strike(Place::Packed, 32 * 700 + 29), "products"),
        (GuardConfig { ranges: Some(8.0), ..nothing }, strike(stream, 30), "ranges"),
        (GuardConfig { redundant: true, ..nothing }, strike(gradients, 32 * 5000 + 12), "redundant"),
        (GuardConfig { redundant: true, ..nothing }, strike(product, 32 * 4 + 10), "redundant"),
        (GuardConfig { gradient_norm: Some(10.0), ..nothing }, strike(gradients, 32 * 1000 + 30), "gradient-norm"),
    ];
    for (guards, strike, name) in cases {
        let (undefended, same) = struck(only(nothing), strike);
        assert!(!same && undefended.incidents().is_empty(), "{name}: {strike:?} passes undefended");
        let (defended, same) = struck(only(guards), strike);
        let [(alarm, Remedy::RolledBack { .. } | Remedy::Recomputed)] = defended.incidents() else {
            panic!("{name}: {strike:?}: {:?}", defended.incidents())
        };
        assert_eq!((alarm.guard(), same), (name, true), "{strike:?}: {alarm}");
    }
}

#[test]
fn intact_memory_needs_no_roll_back() {
    let shards = GuardConfig { shards: true, products: true, ..GuardConfig::default() };
    let place = Place::Product { pass: 0, chunk: 0, matrix: matrix(), forward: false };
    let (run, same) = struck(only(shards), strike(place, 31));
    assert!(matches!(run.incidents(), [(Alarm::Product { iteration: 45, .. }, Remedy::Recomputed)]) && same);
    let (run, same) =
        struck(only(shards), strike(Place::Buffer { region: Region::FirstMoment, phase: Phase::Start }, 9));
    assert!(matches!(run.incidents(), [(Alarm::Shard { .. }, Remedy::RolledBack { steps: 6 })]) && same);
}

#[test]
fn without_a_checkpoint_an_alarm_ends_the_run_with_the_weights_unmoved() {
    let mut run = settled(Defences { rollback: None, ..Defences::recommended() });
    let before = run.trainer().checkpoint();
    let place = Place::Product { pass: 0, chunk: 0, matrix: matrix(), forward: true };
    assert_eq!(run.step(Some(strike(place, 30))), Ok(None), "memory is intact: the step can be computed again");
    assert!(before == run.trainer().checkpoint());
    let place = Place::Buffer { region: Region::SecondMoment, phase: Phase::Gradients };
    let lost = run.step(Some(strike(place, 30))).unwrap_err();
    assert!(matches!(lost, Lost::Alarm(alarm) if alarm.iteration() == 45), "{lost}");
    run.trainer_mut().buffers_mut().flip(Region::SecondMoment, 30);
    assert!(before == run.trainer().checkpoint());
}

#[test]
fn a_statistic_of_the_data_is_accepted_when_it_comes_out_alike_twice() {
    // No step passes a limit of a tenth of the norm, upset or not.
    let guards = GuardConfig { gradient_norm: Some(0.1), shards: true, ..GuardConfig::default() };
    let mut run = Defended::new(trainer(), only(guards));
    while run.trainer().iteration() < 21 {
        run.step(None).unwrap();
    }
    let remedies: Vec<Remedy> = run.incidents().iter().map(|incident| incident.1).collect();
    assert_eq!(remedies, [Remedy::Recomputed, Remedy::Accepted]);
}

#[test]
fn an_alarm_that_nothing_ends_gives_up() {
    let guards = GuardConfig { gradient_norm: Some(0.1), ..GuardConfig::default() };
    let mut run = Defended::new(trainer(), only(guards));
    let lost = (0..200).find_map(|_| run.step(None).err()).unwrap();
    assert!(matches!(lost, Lost::Alarm(Alarm::GradientNorm { iteration: 20, .. })), "{lost}");
}

/// In flight a run begins anew where it would end, until it is plain that training fails by itself.
#[test]
fn a_persistent_run_ends_only_where_training_fails_by_itself() {
    let settings = TrainConfig { batch: 4, warmup: 0, learning_rate: 3e-3, ..TrainConfig::default() };
    let config = GptConfig { layers: 1, heads: 2, width: 16, context: 8, vocabulary: 40 };
    let fresh = || Trainer::new(config, settings, Arc::new(Corpus::generated(5000, 1))).unwrap();
    let finite = GuardConfig { finite: true, ..GuardConfig::default() };
    let mut run = Defended::new(fresh(), only(finite)).persistent();
    run.step(None).unwrap();
    // Upset in a run that kept no better checkpoint than one already struck: every computation alarms alike.
    let mut struck = run.clone();
    struck.trainer.buffers_mut().region_mut(Region::Weights).fill(f32::NAN);
    struck.keep();
    let alarm = (0..10).find_map(|_| struck.step(None).err()).unwrap();
    let Lost::Alarm(alarm) = alarm else { panic!("{alarm}") };
    assert_eq!(struck.incidents().len(), ATTEMPTS as usize, "{:?}", struck.incidents());
    assert_eq!(struck.begin_anew(fresh(), alarm), Ok(Remedy::BegunAnew { steps: 2 }));
    for _ in 0..20 {
        struck.step(None).unwrap().unwrap();
    }
    assert!(struck.trainer().checkpoint() != run.trainer().checkpoint() && struck.trainer().iteration() == 20);
    // The same alarm each time it began anew is no upset.
    assert_eq!(struck.begin_anew(fresh(), alarm), Ok(Remedy::BegunAnew { steps: 2 }));
    let always = struck.begin_anew(fresh(), alarm).unwrap_err();
    assert!(matches!(always, Lost::Always(Alarm::NotFinite { iteration: 1, .. })), "{always}");
    // What only an upset can raise never is.
    let shard = Alarm::Shard { iteration: 1, region: Region::Weights, shard: 0 };
    for _ in 0..10 {
        assert_eq!(run.begin_anew(fresh(), shard), Ok(Remedy::BegunAnew { steps: 2 }));
    }
}

/// Without watched memory every statistic of the data sends the run back; two such steps between checkpoints must not do so for ever.
#[test]
fn accepted_statistics_stay_accepted_after_a_roll_back() {
    let guards = GuardConfig { gradient_norm: Some(0.1), ..GuardConfig::default() };
    for defences in [only(guards), Defences { guards, rollback: None }] {
        let (mut run, mut computed) = (Defended::new(trainer(), defences).persistent(), 0);
        while run.trainer().iteration() < 30 {
            if let Err(Lost::Alarm(alarm)) = run.step(None) {
                run.begin_anew(trainer(), alarm).unwrap();
            }
            computed += 1;
            assert!(computed < 1000, "{} steps after {computed} computed", run.trainer().iteration());
        }
        let accepted = run.incidents().iter().filter(|(_, remedy)| *remedy == Remedy::Accepted).count();
        assert_eq!(accepted, 10, "each of the steps 20 to 29, once");
        let mut plain = trainer();
        (0..30).for_each(|_| {
            plain.step();
        });
        assert!(run.trainer().checkpoint() == plain.checkpoint(), "and the run is the one without guards");
    }
}

#[test]
fn a_restored_run_goes_on_bit_by_bit() {
    let place = Place::Buffer { region: Region::Weights, phase: Phase::Start };
    let defences = Defences { guards: GuardConfig::all(), rollback: Some(10) };
    let mut run = Defended::new(trainer(), defences).persistent();
    let run_on = |run: &mut Defended| {
        for _ in 0..25 {
            run.step(None).unwrap();
        }
        // An alarm: the run goes back five steps, to step 20.
        assert_eq!(run.step(Some(strike(place, 77))), Ok(None));
        for _ in 0..20 {
            run.step(None).unwrap();
        }
        (run.trainer().checkpoint(), run.past.clone())
    };
    for _ in 0..10 {
        run.step(None).unwrap();
    }
    let saved = run.checkpoint();
    let mut other = Defended::new(trainer(), defences).persistent();
    other.restore(&saved).unwrap();
    assert!(run_on(&mut other) == run_on(&mut run));
    assert_eq!(other.incidents().len(), 1);
    for spoilt in [&saved[..saved.len() - 1], &saved[..5], &[]] {
        assert!(matches!(other.restore(spoilt), Err(Lost::State)));
    }
}

/// What the twin counts for a job of these sizes is what the guards read: digests to the byte, ranges but for the size of a number.
#[test]
fn the_twin_counts_what_the_guards_read() {
    let (trainer, config) = (trainer(), *trainer().config());
    let job = Training {
        parameters: trainer.layout().elements() as f64,
        layers: config.layers as f64,
        width: config.width as f64,
        context: config.context as f64,
        tokens_per_step: trainer.tokens_per_step() as f64,
        steps: 100.0,
        checkpoint_interval: Seconds(60.0),
        sample: None,
    };
    let moved = |guards| Defended::new(trainer.clone(), Defences { guards, rollback: None }).bytes().moved as f64;
    let counted = |guards| Defences { guards, rollback: None }.cost(&job, 1.0).traffic.0 / 8.0;
    let none = GuardConfig::default();
    let shards = counted(GuardConfig { shards: true, ..none });
    assert_eq!(shards, moved(GuardConfig { shards: true, ..none }));
    // The twin takes what the blocks' matrices do not hold for the table of tokens: here also positions and gains.
    let beside = job.parameters - 12.0 * job.layers * job.width * job.width - 40.0 * job.width;
    let ranges = counted(GuardConfig { ranges: Some(8.0), ..none }) - 2.0 * job.tokens_per_step * beside / job.width;
    assert!((2.0 * ranges - moved(GuardConfig { ranges: Some(8.0), ..none })).abs() < 1.0, "{ranges}");
    let every = |rollback| Defended::new(trainer.clone(), Defences { guards: none, rollback }).bytes();
    let counted = Defences { guards: none, rollback: Some(10) }.cost(&job, 1.0);
    let held = every(Some(10)).held as f64;
    assert!((counted.storage.0 / 8.0 / held - 1.0).abs() < 0.05, "{held}: but for the names of its tensors");
}

/// Ten seeds of 60 steps each. The gradient norm of a batch may be 14 times its mean without any upset; such a step is computed
/// again, comes out alike and is accepted.
#[test]
fn an_unhurt_run_keeps_its_bytes_and_only_statistics_alarm() {
    let mut alarms = 0;
    for seed in 0..10 {
        let config = GptConfig { layers: 2, heads: 2, width: 32, context: 16, vocabulary: 40 };
        let settings = TrainConfig { batch: 4, warmup: 5, learning_rate: 3e-3, seed, ..TrainConfig::default() };
        let mut plain = Trainer::new(config, settings, Arc::new(Corpus::generated(5000, 1))).unwrap();
        let mut run = Defended::new(plain.clone(), Defences { guards: GuardConfig::all(), rollback: Some(10) });
        while run.trainer().iteration() < 60 {
            if let Some(report) = run.step(None).unwrap() {
                assert_eq!(report, plain.step(), "seed {seed}");
            }
        }
        assert!(plain.checkpoint() == run.trainer().checkpoint());
        assert!(run.incidents().iter().all(|(alarm, _)| alarm.may_be_data()), "seed {seed}: {:?}", run.incidents());
        alarms += run.incidents().len();
    }
    assert!(alarms < 20, "{alarms} alarms in 600 steps");
}

#[test]
fn costs_are_counted() {
    let parts = |defences| Defended::new(trainer(), defences).bytes();
    assert_eq!(parts(Defences::default()), Bytes::default());
    let shards = parts(Defences { guards: GuardConfig { shards: true, ..GuardConfig::default() }, rollback: None });
    let elements = trainer().layout().elements();
    assert_eq!(shards, Bytes { held: 8 * 3, moved: 2 * 3 * 4 * elements });
    let checkpoint = trainer().checkpoint().len();
    let rollback = parts(Defences { guards: GuardConfig::default(), rollback: Some(5) });
    assert_eq!(rollback, Bytes { held: checkpoint, moved: 2 * checkpoint / 5 });
    let ranges =
        parts(Defences { guards: GuardConfig { ranges: Some(8.0), ..GuardConfig::default() }, rollback: None });
    // The stream before and after the layer, and the logits, of 8 sequences of 16.
    assert_eq!(ranges, Bytes { held: 2 * 4 * 3, moved: 4 * 8 * 16 * (2 * 32 + 40) });
    let all = parts(Defences { guards: GuardConfig::all(), rollback: Some(5) });
    assert!(all.held > checkpoint + shards.held + ranges.held && all.moved > shards.moved + ranges.moved);
}
