use std::sync::Arc;

use super::*;
use crate::gpt::config::{GptConfig, TrainConfig};
use crate::gpt::data::Corpus;
use crate::gpt::engine::Memory;
use crate::gpt::train::{Phase, Region};
use crate::gpt::watch::Place;

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
        let [(alarm, Answer::RolledBack { .. } | Answer::Recomputed)] = defended.incidents() else {
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
    assert!(matches!(run.incidents(), [(Alarm::Product { iteration: 45, .. }, Answer::Recomputed)]) && same);
    let (run, same) =
        struck(only(shards), strike(Place::Buffer { region: Region::FirstMoment, phase: Phase::Start }, 9));
    assert!(matches!(run.incidents(), [(Alarm::Shard { .. }, Answer::RolledBack { steps: 6 })]) && same);
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
    let answers: Vec<Answer> = run.incidents().iter().map(|incident| incident.1).collect();
    assert_eq!(answers, [Answer::Recomputed, Answer::Accepted]);
}

#[test]
fn an_alarm_that_nothing_ends_gives_up() {
    let guards = GuardConfig { gradient_norm: Some(0.1), ..GuardConfig::default() };
    let mut run = Defended::new(trainer(), only(guards));
    let lost = (0..200).find_map(|_| run.step(None).err()).unwrap();
    assert!(matches!(lost, Lost::Alarm(Alarm::GradientNorm { iteration: 20, .. })), "{lost}");
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
