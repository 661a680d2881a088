use std::collections::BTreeMap;
use std::sync::Mutex;

use sunward_work::defence::GuardConfig;
use sunward_work::payload::Loss;

use super::*;
use crate::gpt::config::{GptConfig, TrainConfig};
use crate::gpt::data::{Corpus, Style};
use crate::memo::Forgetful;

const PROXY: Proxy = Proxy {
    job: Flops(1e15),
    unit: Flops(1e9),
    simulated_steps: 100,
    iterations: 20,
    evaluate_interval: 10,
    evaluate_batches: 2,
    sample_tokens: 12,
};
const STEP: Flops = Flops(1e15 / 20.0);

fn payload() -> TrainingPayload {
    payload_with(Arc::new(Forgetful))
}

fn payload_with(store: Arc<dyn Store>) -> TrainingPayload {
    payload_under(store, Defences::default())
}

fn under(defences: Defences) -> Manner {
    Manner { defences, device: None }
}

fn payload_under(store: Arc<dyn Store>, defences: Defences) -> TrainingPayload {
    let corpus = Arc::new(Corpus::generated(4000, 7));
    let vocabulary = corpus.vocabulary().size();
    let config = GptConfig { layers: 1, heads: 2, width: 16, context: 8, vocabulary };
    let settings = TrainConfig { batch: 2, iterations: PROXY.iterations, warmup: 2, seed: 7, ..TrainConfig::default() };
    TrainingPayload::new(Trainer::new(config, settings, corpus).unwrap(), PROXY, under(defences), store, 1)
}

#[test]
fn samples_of_a_text_without_lines_begin_as_it_does() {
    let corpus = Arc::new(Corpus::characters("one line", &"ha".repeat(500)));
    let config = GptConfig { layers: 1, heads: 2, width: 16, context: 8, vocabulary: 2 };
    let settings = TrainConfig { batch: 2, iterations: PROXY.iterations, warmup: 2, ..TrainConfig::default() };
    let trainer = Trainer::new(config, settings, corpus).unwrap();
    let mut payload = TrainingPayload::new(trainer, PROXY, Manner::default(), Arc::new(Forgetful), 1);
    let text = payload.look(1).1;
    let sample = text.rsplit_once(": ").unwrap().1;
    assert!(sample.len() == PROXY.sample_tokens && sample.chars().all(|c| "ha".contains(c)), "{text}");
}

/// A run on the generated dialogue that continues from what `payload` leaves.
fn tuning(store: Arc<dyn Store>, adapters: Option<AdapterConfig>) -> (TrainingPayload, TrainingPayload) {
    let handover = Handover::default();
    let base = payload_with(Arc::clone(&store)).leaving("base", handover.clone());
    let vocabulary = base.setup().corpus().vocabulary().clone();
    let text = Style::Dialogue.text(4000, 7);
    let corpus = Arc::new(Corpus::new(Style::Dialogue.name(), &text, vocabulary).unwrap());
    let settings = TrainConfig { seed: 8, batch: 8, learning_rate: 1e-2, ..*base.setup().settings() };
    let trainer = Trainer::new(*base.setup().config(), settings, corpus).unwrap();
    let from = Origin::Job { name: "base".to_owned(), handover };
    let tuned =
        TrainingPayload::new(trainer, PROXY, Manner::default(), store, 1).fine_tuning(FineTuning { from, adapters });
    (base, tuned.unwrap())
}

const ADAPTERS: Option<AdapterConfig> = Some(AdapterConfig { rank: 2, alpha: 4.0 });

#[test]
fn fine_tuning_starts_where_the_other_job_ended_and_lowers_the_loss_on_the_new_text() {
    for adapters in [None, ADAPTERS] {
        let (mut base, mut tuned) = tuning(Arc::new(Forgetful), adapters);
        let early = tuned.clone().advance(STEP, &[]).unwrap_err();
        assert!(early.to_string().contains("job \"base\", from which it continues, is not done"), "{early}");
        losses(&mut base, STEP * 20.0, 1);
        let first = tuned.advance(STEP, &[]).unwrap();
        let expected = base.trainer().unwrap().clone();
        let on_new_text = Trainer::fine_tune(
            ("base", &expected.network()),
            *tuned.setup().settings(),
            tuned.setup().corpus_shared(),
            None,
        );
        let before = on_new_text.unwrap().evaluate(Part::Validation, PROXY.evaluate_batches);
        assert_eq!(first.validations, [Loss { step: 0, value: before }]);
        let rest = tuned.advance(STEP * 19.0, &[]).unwrap();
        assert_eq!(rest.validations.iter().map(|loss| loss.step).collect::<Vec<_>>(), [10, 20]);
        assert!(rest.validations[1].value < before - 0.02, "{before}, then {:?}", rest.validations);
        assert_eq!(first.outputs.len() + rest.outputs.len(), 3, "each evaluation comes down as text");
        let same = weights(&mut tuned) == expected.buffers().region(Region::Weights);
        assert_eq!(same, adapters.is_some(), "adapters, and only they, leave the weights as they are");
    }
}

#[test]
fn interrupted_fine_tuning_goes_on_to_the_same_bytes() {
    let fly = |store: Arc<dyn Store>, steps: usize| {
        let (mut base, tuned) = tuning(store, ADAPTERS);
        let handover = Handover::default();
        let mut tuned = tuned.leaving("tuned", handover.clone());
        let mut all = losses(&mut base, STEP, 20);
        let saved = tuned.checkpoint();
        all.extend(losses(&mut tuned, STEP, steps.min(3)));
        // Thrown back to before its first step.
        tuned.restore(&saved).unwrap();
        all.extend(losses(&mut tuned, STEP, steps));
        (all, handover.get())
    };
    let whole = fly(Arc::new(Forgetful), 20);
    assert!(whole.1.is_some());
    let shelf = Arc::new(Shelf::default());
    assert_eq!(fly(shelf.clone(), 13).1, None, "what is not done is not handed over");
    assert!(fly(shelf.clone(), 20) == whole, "resumed");
    assert!(fly(shelf, 20) == whole, "repeated");
}

fn losses(payload: &mut TrainingPayload, grant: Flops, calls: usize) -> Vec<Loss> {
    (0..calls).flat_map(|_| payload.advance(grant, &[]).unwrap().losses).collect()
}

#[test]
fn a_step_is_executed_when_its_operations_are_granted_and_not_before() {
    let mut payload = payload();
    assert!(payload.advance(STEP * 0.6, &[]).unwrap().losses.is_empty());
    assert_eq!(payload.advance(STEP * 0.6, &[]).unwrap().losses.len(), 1);
    assert_eq!(payload.advance(STEP * 2.0, &[]).unwrap().losses.len(), 2);
}

#[test]
fn the_way_the_work_is_cut_into_grants_changes_no_loss() {
    let whole = losses(&mut payload(), STEP * 20.0, 1);
    let cut = losses(&mut payload(), STEP * 0.25, 80);
    assert_eq!((whole.len(), &whole), (20, &cut));
    assert!(whole[19].value < whole[0].value, "training learns");
}

#[test]
fn going_back_to_a_checkpoint_repeats_the_same_losses() {
    let mut payload = payload();
    losses(&mut payload, STEP * 3.5, 1);
    let saved = payload.checkpoint();
    let first = losses(&mut payload, STEP * 4.0, 1);
    payload.restore(&saved).unwrap();
    assert_eq!(losses(&mut payload, STEP * 4.0, 1), first);
    let refused = payload.restore(&saved[..saved.len() - 5]).unwrap_err();
    assert!(matches!(refused, PayloadError::Checkpoint { .. }), "{refused}");
}

#[test]
fn evaluations_come_down_as_text() {
    let outputs = payload().advance(STEP * 20.0, &[]).unwrap().outputs;
    let texts: Vec<String> = outputs.into_iter().filter_map(|output| output.text).collect();
    assert_eq!(texts.len(), 2);
    assert!(texts[1].starts_with("step 20, validation loss "), "{}", texts[1]);
}

#[test]
fn an_upset_changes_what_follows_and_only_what_follows() {
    let clean = losses(&mut payload(), STEP, 20);
    let mut changed = 0;
    for number in 0..24_u64 {
        let mut struck = payload();
        let mut all = losses(&mut struck, STEP, 5);
        // Bit patterns spread over the buffers; some hit bits that matter.
        let draw = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let upset = Upset { draw, memory_corrected: number % 2 == 0 };
        all.extend(struck.advance(STEP, &[upset]).unwrap().losses);
        all.extend(losses(&mut struck, STEP, 14));
        assert_eq!(all[..5], clean[..5]);
        changed += usize::from(all.iter().zip(&clean).any(|(a, b)| a.value.to_bits() != b.value.to_bits()));
    }
    assert!(changed > 6, "only {changed} of 24 flips changed a loss");
}

/// A store in memory that counts how often it is asked to save.
#[derive(Default)]
struct Shelf(Mutex<BTreeMap<String, Vec<u8>>>);

impl Store for Shelf {
    fn load(&self, name: &str) -> Option<Vec<u8>> {
        self.0.lock().unwrap().get(name).cloned()
    }
    fn save(&self, name: &str, bytes: &[u8]) {
        self.0.lock().unwrap().insert(name.to_owned(), bytes.to_vec());
    }
}

fn weights(payload: &mut TrainingPayload) -> Vec<f32> {
    payload.trainer().unwrap().buffers().region(Region::Weights).to_vec()
}

const UPSET: Upset = Upset { draw: 0x1234_5678_9ABC_DEF1, memory_corrected: false };

#[test]
fn an_interrupted_run_goes_on_to_the_same_losses_and_weights() {
    let run = |payload: &mut TrainingPayload, calls: usize| -> Vec<Loss> {
        (0..calls)
            .flat_map(|call| {
                let upsets: &[Upset] = if call == 6 { &[UPSET] } else { &[] };
                payload.advance(STEP, upsets).unwrap().losses
            })
            .collect()
    };
    let mut whole = payload();
    let expected = run(&mut whole, 20);
    let shelf = Arc::new(Shelf::default());
    // Killed after step 13: what was kept at step 10 is all that is left.
    run(&mut payload_with(shelf.clone()), 13);
    let mut resumed = payload_with(shelf.clone());
    assert_eq!(run(&mut resumed, 20), expected);
    assert_eq!(weights(&mut resumed), weights(&mut whole));
    // A third run computes nothing: with the remembered state spoilt it still gives the same losses.
    shelf.0.lock().unwrap().retain(|name, _| name.ends_with(".json"));
    let mut repeated = payload_with(shelf);
    assert_eq!(run(&mut repeated, 20), expected);
    assert_ne!(repeated.computed, repeated.state.lineage, "no step was computed");
    assert_eq!(weights(&mut repeated), weights(&mut whole), "and buffers can still be had");
}

#[test]
fn a_spoilt_store_costs_time_and_no_result() {
    let expected = losses(&mut payload(), STEP, 20);
    let shelf = Arc::new(Shelf::default());
    losses(&mut payload_with(shelf.clone()), STEP, 20);
    for bytes in shelf.0.lock().unwrap().values_mut() {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x40;
        bytes.truncate(bytes.len() - 3);
    }
    assert_eq!(losses(&mut payload_with(shelf), STEP, 20), expected);
}

#[test]
fn a_roll_back_behind_an_upset_forgets_it() {
    let clean = losses(&mut payload(), STEP, 12);
    let mut payload = payload();
    losses(&mut payload, STEP, 4);
    let saved = payload.checkpoint();
    payload.advance(STEP, &[UPSET]).unwrap();
    losses(&mut payload, STEP, 3);
    payload.restore(&saved).unwrap();
    assert_eq!(losses(&mut payload, STEP, 8), clean[4..]);
}

/// Every guard, and a checkpoint every four steps.
const DEFENCES: Defences = Defences {
    guards: GuardConfig {
        finite: true,
        loss_spike: Some(1.0),
        gradient_norm: Some(10.0),
        shards: true,
        ranges: Some(8.0),
        products: true,
        redundant: true,
    },
    rollback: Some(4),
};

/// What many upsets do to a run of 20 steps under `defences`: its progress call by call, cut into `cuts` grants a step.
fn struck(payload: &mut TrainingPayload, cuts: u64) -> Vec<Progress> {
    let mut all = Vec::new();
    for call in 0.. {
        let upset = |number: u64| Upset {
            draw: (call / cuts * 2 + number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15),
            memory_corrected: number == 1,
        };
        let upsets = if call % (5 * cuts) == 2 * cuts { vec![upset(0), upset(1)] } else { Vec::new() };
        all.push(payload.advance(STEP * (1.0 / cuts as f64), &upsets).unwrap());
        if payload.state.steps == PROXY.iterations {
            return all;
        }
        assert!(call < 1000, "it comes to no end");
    }
    unreachable!()
}

#[test]
fn a_defended_run_pays_for_what_alarms_and_ends_as_if_nothing_had_struck() {
    let mut clean = payload();
    let expected = losses(&mut clean, STEP * 20.0, 1);
    let mut payload = payload_under(Arc::new(Forgetful), DEFENCES);
    let progress = struck(&mut payload, 1);
    let incidents: Vec<&Incident> = progress.iter().flat_map(|progress| &progress.incidents).collect();
    assert!(incidents.len() > 3, "{incidents:?}");
    let of_step = STEP.0 / PROXY.unit.0;
    let lost: f64 = incidents.iter().map(|incident| incident.units_lost).sum();
    let granted: f64 = progress.iter().map(|progress| progress.units).sum();
    assert!((granted - lost - 20.0 * of_step).abs() < 1e-6 * granted, "what is lost is granted again");
    for incident in &incidents {
        assert_eq!(incident.units_lost, incident.remedy.steps_lost() as f64 * of_step);
        assert!(incident.upsets_undone > 0, "nothing alarms of itself here: {incident:?}");
    }
    // The last loss of each step is that of the run that nothing struck.
    let told = progress.iter().flat_map(|progress| &progress.losses);
    let last: BTreeMap<u64, Loss> = told.map(|loss| (loss.step, *loss)).collect();
    assert_eq!(last.into_values().collect::<Vec<_>>(), expected);
    assert_eq!(weights(&mut payload), weights(&mut clean));
}

#[test]
fn the_way_the_work_is_cut_changes_no_incident() {
    let told = |cuts| -> (Vec<Incident>, Vec<Loss>) {
        let all = struck(&mut payload_under(Arc::new(Forgetful), DEFENCES), cuts);
        let incidents = all.iter().flat_map(|progress| progress.incidents.clone()).collect();
        (incidents, all.into_iter().flat_map(|progress| progress.losses).collect())
    };
    assert!(told(4) == told(1));
}

#[test]
fn a_defended_run_is_remembered_and_resumed_to_the_same_answers() {
    let mut whole = payload_under(Arc::new(Forgetful), DEFENCES);
    let expected = struck(&mut whole, 1);
    let shelf = Arc::new(Shelf::default());
    assert!(struck(&mut payload_under(shelf.clone(), DEFENCES), 1) == expected);
    // Repeated from memory, its states lost; then with the state kept at step 10 and no later step remembered.
    let kept: BTreeMap<String, Vec<u8>> = shelf.0.lock().unwrap().clone();
    for lost in [".state", ".steps.json", ""] {
        *shelf.0.lock().unwrap() = kept.clone();
        shelf.0.lock().unwrap().retain(|name, _| lost.is_empty() || !name.ends_with(lost));
        let mut again = payload_under(shelf.clone(), DEFENCES);
        assert!(struck(&mut again, 1) == expected, "without {lost:?}");
        assert!(weights(&mut again) == weights(&mut whole), "without {lost:?}");
    }
    // Other defences have other steps.
    let finite = GuardConfig { finite: true, ..GuardConfig::default() };
    let other = Defences { guards: finite, rollback: Some(4) };
    let fresh = struck(&mut payload_under(Arc::new(Forgetful), other), 1);
    *shelf.0.lock().unwrap() = kept;
    assert!(struck(&mut payload_under(shelf, other), 1) == fresh);
    assert!(fresh != expected);
}

#[test]
fn going_back_behind_a_roll_back_repeats_it() {
    let mut payload = payload_under(Arc::new(Forgetful), DEFENCES);
    payload.advance(STEP * 6.5, &[]).unwrap();
    let saved = payload.checkpoint();
    let go_on = |payload: &mut TrainingPayload| {
        let weights = Upset { draw: 0x0100_0000_0000_0002, memory_corrected: false };
        let first = payload.advance(STEP, &[weights]).unwrap();
        (first, payload.advance(STEP * 3.0, &[]).unwrap(), payload.state.clone())
    };
    let once = go_on(&mut payload);
    let [incident] = &once.0.incidents[..] else { panic!("{:?}", once.0) };
    assert_eq!((incident.guard.as_str(), incident.step), ("shards", 6));
    assert_eq!(incident.remedy, sunward_work::payload::Remedy::RolledBack { steps: 3 }, "to step 4");
    assert_eq!(once.2.steps, 7);
    payload.restore(&saved).unwrap();
    assert!(go_on(&mut payload) == once);
}

/// A run that diverges by itself, whose every computation alarms alike, is given up: it is no upset.
#[test]
fn training_that_fails_by_itself_is_told() {
    let corpus = Arc::new(Corpus::generated(4000, 7));
    let vocabulary = corpus.vocabulary().size();
    let config = GptConfig { layers: 1, heads: 2, width: 16, context: 8, vocabulary };
    let settings = TrainConfig {
        batch: 2,
        iterations: PROXY.iterations,
        warmup: 0,
        learning_rate: 1e30,
        learning_rate_min: 1e30,
        ..TrainConfig::default()
    };
    let trainer = Trainer::new(config, settings, corpus).unwrap();
    let finite = Defences { guards: GuardConfig { finite: true, ..GuardConfig::default() }, rollback: Some(4) };
    let mut payload = TrainingPayload::new(trainer, PROXY, under(finite), Arc::new(Forgetful), 1);
    let told = payload.advance(STEP * 100.0, &[]).unwrap_err().to_string();
    assert!(told.contains("came again each time the run began anew") && told.contains("gradient norm NaN"), "{told}");
}

/// A memo holds numbers that are none.
#[test]
fn a_struck_run_whose_loss_is_no_number_is_remembered() {
    let shelf = Arc::new(Shelf::default());
    let run = || {
        let mut payload = payload_with(shelf.clone());
        payload.trainer().unwrap();
        let flips =
            (0..400).map(|n: u64| Upset { draw: n.wrapping_mul(0x9E37_79B9_7F4A_7C15), memory_corrected: false });
        payload.advance(STEP * 20.0, &flips.collect::<Vec<_>>()).unwrap();
        payload
    };
    run();
    let first: u64 = run().memo.len() as u64;
    assert_eq!(first, 20, "all steps were read again");
}
