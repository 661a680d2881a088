//! Answers in step with grants, by the random network that the project makes.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Mutex;

use super::*;
use crate::gemma::{Weights, conversation, specimen};
use crate::memo::Forgetful;

const UNIT: Flops = Flops(1e12);
const TOKENS: usize = 10;

fn serve(every: u64) -> Serve {
    Serve {
        name: specimen::NAME.to_owned(),
        unit: UNIT,
        prompt_share: 0.2,
        simulated_tokens: 300.0,
        every,
        tokens: TOKENS,
        sampling: Sampling { temperature: 1.0, top_k: 0, top_p: 1.0, seed: 3, answer: 0 },
        prompts: vec!["Who waits?".to_owned(), "What cools in shadow?".to_owned()],
        guards: ServingGuards::default(),
        hold: 4,
    }
}

/// Every defence of flights.
const GUARDS: ServingGuards = ServingGuards { weights: true, cache: true, finite: true, ranges: None, redundant: true };

fn defended_in(guards: ServingGuards, store: Arc<dyn Store>) -> ServingPayload {
    let gemma = specimen::gemma(Weights::Int8).unwrap();
    ServingPayload::new(gemma, Serve { guards, ..serve(1) }, store, 1).unwrap()
}

fn defended(guards: ServingGuards) -> ServingPayload {
    defended_in(guards, Arc::new(Forgetful))
}

fn payload_in(every: u64, store: Arc<dyn Store>) -> ServingPayload {
    ServingPayload::new(specimen::gemma(Weights::Int8).unwrap(), serve(every), store, 1).unwrap()
}

fn payload(every: u64) -> ServingPayload {
    payload_in(every, Arc::new(Forgetful))
}

fn answers(payload: &mut ServingPayload, units: f64, calls: usize, upsets: &[Upset]) -> Vec<Answer> {
    (0..calls)
        .flat_map(|call| payload.advance(UNIT * units, if call == 0 { upsets } else { &[] }).unwrap().answers)
        .collect()
}

/// The tokens of the answer in hand.
fn in_hand(payload: &ServingPayload) -> usize {
    payload.state.answer.as_ref().map_or(0, |answer| answer.tokens.len())
}

/// An upset whose place is a weight, or an activation where memory is corrected.
fn upset(number: u64, memory_corrected: bool) -> Upset {
    Upset { draw: number.wrapping_mul(0x9E37_79B9_7F4A_7C15), memory_corrected }
}

/// Oracle: the network alone, asked the same.
#[test]
fn an_answer_is_what_the_network_says_when_it_is_asked_alone() {
    let gemma = specimen::gemma(Weights::Int8).unwrap();
    let told = answers(&mut payload(3), 1.0, 7, &[]);
    assert_eq!(told.iter().map(|answer| answer.unit).collect::<Vec<_>>(), [0, 3, 6]);
    for (number, answer) in told.iter().enumerate() {
        let asked = &serve(3).prompts[number % 2];
        let turn = Turn { role: Role::User, text: asked.clone() };
        let sampling = Sampling { answer: answer.unit as u32, ..serve(3).sampling };
        let mut said = String::new();
        let add = |piece: &str| {
            said += piece;
            ControlFlow::Continue(())
        };
        gemma.generate(&conversation("", &[turn]).unwrap(), TOKENS, &sampling, add).unwrap();
        assert!(said.len() > TOKENS / 2, "{said:?}");
        assert_eq!(answer.text, format!("request {} asked: {asked}\nanswer: {}", answer.unit, said.trim()));
    }
}

#[test]
fn tokens_come_as_their_operations_are_granted_and_stop_where_they_stop() {
    let mut payload = payload(1);
    let mut at = |units: f64| {
        assert!(payload.advance(UNIT * units, &[]).unwrap().answers.is_empty());
        in_hand(&payload)
    };
    // A fifth reads the prompt, each of ten tokens takes 0.08.
    assert_eq!([at(0.19), at(0.05), at(0.04), at(0.0), at(0.32)], [0, 0, 1, 1, 5]);
    assert_eq!(payload.advance(UNIT * 0.4, &[]).unwrap().answers.len(), 1, "the whole request");
}

#[test]
fn the_way_the_work_is_cut_into_grants_changes_no_answer() {
    let whole = answers(&mut payload(2), 6.0, 1, &[]);
    assert_eq!(whole.len(), 3);
    assert_eq!(answers(&mut payload(2), 0.07, 86, &[]), whole);
    assert_eq!(answers(&mut payload(2), 1.5, 4, &[]), whole);
}

#[test]
fn going_back_to_a_checkpoint_repeats_the_same_answers() {
    let mut payload = payload(1);
    answers(&mut payload, 0.63, 1, &[]);
    let saved = payload.checkpoint();
    let first = answers(&mut payload, 2.0, 1, &[]);
    payload.restore(&saved).unwrap();
    assert_eq!(answers(&mut payload, 2.0, 1, &[]), first);
    let refused = payload.restore(&saved[..saved.len() - 5]).unwrap_err();
    assert!(matches!(refused, PayloadError::Checkpoint { .. }), "{refused}");
}

#[test]
fn a_restart_begins_the_answer_in_hand_anew() {
    let clean = answers(&mut payload(1), 2.0, 1, &[]);
    let mut struck = payload(1);
    answers(&mut struck, 1.6, 1, &[]);
    assert!(in_hand(&struck) > 3);
    struck.restart(1.0).unwrap();
    assert_eq!(in_hand(&struck), 0);
    assert_eq!(answers(&mut struck, 1.0, 1, &[]), clean[1..]);
}

#[test]
fn a_flipped_weight_stays_until_the_weights_are_loaded_anew() {
    let clean = answers(&mut payload(1), 8.0, 1, &[]);
    let mut changed = 0;
    for number in 1..60 {
        let mut struck = payload(1);
        let told = [answers(&mut struck, 1.0, 2, &[]), answers(&mut struck, 1.0, 4, &[upset(number, false)])].concat();
        assert_eq!(told[..2], clean[..2], "what was answered before");
        let stays = struck.state.flipped.iter().all(|place| place.stays()) && !struck.state.flipped.is_empty();
        // Answers after the one that was struck.
        changed += usize::from(stays && told[3..] != clean[3..6]);
        struck.restart(6.0).unwrap();
        assert_eq!(answers(&mut struck, 1.0, 2, &[]), clean[6..], "upset {number}");
    }
    assert!(changed > 3, "only {changed} of 59 flips changed a later answer");
}

#[test]
fn with_corrected_memory_only_the_answer_in_hand_is_struck() {
    let clean = answers(&mut payload(1), 4.0, 1, &[]);
    let (mut changed, mut struck_bits) = (0, 0);
    for number in 1..40 {
        let mut struck = payload(1);
        let told = [answers(&mut struck, 1.0, 1, &[upset(number, true)]), answers(&mut struck, 1.0, 3, &[])].concat();
        assert!(struck.state.flipped.is_empty());
        assert_eq!(told[1..], clean[1..], "upset {number}");
        changed += usize::from(told[0] != clean[0]);
        // Half of all requests are modelled: what strikes them strikes no network.
        let mut proxy = payload(2);
        answers(&mut proxy, 2.0, 1, &[upset(number, true)]);
        struck_bits += usize::from(proxy.machine.computed.is_some() && proxy.state.answer.is_none());
    }
    assert!(changed > 3, "only {changed} of 39 flips changed the answer in hand");
    assert_eq!(struck_bits, 39);
}

/// A store in memory.
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

#[test]
fn answers_given_before_are_remembered_and_those_of_a_struck_network_told_apart() {
    let shelf = Arc::new(Shelf::default());
    let first = answers(&mut payload_in(1, shelf.clone()), 1.0, 4, &[]);
    let mut again = payload_in(1, shelf.clone());
    assert_eq!(answers(&mut again, 1.0, 4, &[]), first);
    assert_eq!(again.machine.computed, None, "nothing was computed");
    // From the middle of a remembered answer the network computes what a strike leaves open, as if it had computed all.
    for (number, memory_corrected) in (1..30).flat_map(|number| [(number, false), (number, true)]) {
        let strikes = [upset(number, memory_corrected)];
        let fresh = answers(&mut payload(1), 1.0, 3, &strikes);
        assert_eq!(answers(&mut payload_in(1, shelf.clone()), 1.0, 3, &strikes), fresh, "upset {number}");
    }
}

#[test]
fn what_cannot_be_served_is_refused() {
    let refused = |change: fn(&mut Serve)| {
        let mut serve = serve(1);
        change(&mut serve);
        let gemma = specimen::gemma(Weights::Int8).unwrap();
        ServingPayload::new(gemma, serve, Arc::new(Forgetful), 1).err().expect("refused").to_string()
    };
    assert_eq!(refused(|serve| serve.prompts.clear()), "no prompt is given, expected at least one");
    let long = refused(|serve| serve.prompts.push("~".repeat(2000)));
    assert!(long.starts_with("prompt 3 has 20") && long.contains("at most 1023"), "{long}");
    assert_eq!(refused(|serve| serve.sampling.top_p = 2.0), "top_p is 2, expected 0..=1");
}

#[test]
fn a_proxy_says_what_stands_for_what() {
    assert_eq!(
        payload(50).proxy().unwrap(),
        "a small Gemma of random weights, which means nothing by what it says (4 layers, 64 wide, Int8 weights), answering for real; \
         one executed request stands for 50 requests of the simulated job, one executed token for 30.00 of its tokens"
    );
}

/// Answers under `guards`, the second request struck, until four are given; and what was caught.
fn struck(payload: &mut ServingPayload, strikes: &[Upset]) -> (Vec<Answer>, Vec<Incident>, f64) {
    let (mut told, mut caught, mut granted) = (Vec::new(), Vec::new(), 0.0);
    for call in 0.. {
        let progress = payload.advance(UNIT * 0.5, if call == 3 { strikes } else { &[] }).unwrap();
        granted += progress.units;
        told.extend(progress.answers);
        caught.extend(progress.incidents);
        if told.len() == 4 {
            break;
        }
        assert!(call < 100, "it comes to no end");
    }
    (told, caught, granted)
}

#[test]
fn a_defended_network_tells_what_one_that_nothing_struck_does() {
    let clean = answers(&mut payload(1), 4.0, 1, &[]);
    let mut by_guard: BTreeMap<String, u32> = BTreeMap::new();
    for (number, memory_corrected) in (1..30).flat_map(|number| [(number, false), (number, true)]) {
        let strikes = [upset(number, memory_corrected)];
        let (told, caught, granted) = struck(&mut defended(GUARDS), &strikes);
        assert_eq!(told, clean, "upset {number}");
        let lost: f64 = caught.iter().map(|incident| incident.units_lost).sum();
        assert!(
            granted - lost < 4.5 + 1e-6 && granted - lost > 4.0 - 1e-6,
            "upset {number}: what is lost is granted again"
        );
        for incident in caught {
            assert_eq!((incident.step, incident.upsets_undone, incident.remedy), (1, 1, Remedy::Recomputed));
            assert!(incident.units_lost > 0.2 && incident.units_lost <= 1.0, "{incident:?}");
            *by_guard.entry(incident.guard).or_default() += 1;
        }
    }
    assert_eq!(by_guard.keys().collect::<Vec<_>>(), ["cache", "redundant", "weights"], "{by_guard:?}");
    assert!(by_guard.values().all(|count| *count > 5), "{by_guard:?}");
}

#[test]
fn each_defence_of_answers_finds_what_it_is_for() {
    let none = ServingGuards::default();
    let catches = |guards: ServingGuards, place: Place| {
        let mut payload = defended(guards);
        answers(&mut payload, 0.5, 1, &[]);
        let answer = payload.state.answer.as_mut().unwrap();
        answer.struck.push((answer.tokens.len(), place));
        answer.lineage = answer.lineage.mark(&place.bytes());
        let caught = payload.advance(UNIT * 1.5, &[]).unwrap().incidents;
        caught.into_iter().map(|incident| incident.guard).collect::<Vec<_>>()
    };
    let (weight, key) = (Place::Matrices(8 * 1000 + 7), Place::Keys(32 * 3 + 22));
    // The top bit of an exponent, of the stream's first column.
    let stream = Place::Activation(1, 30);
    assert_eq!(catches(ServingGuards { weights: true, ..none }, weight), ["weights"]);
    assert_eq!(catches(ServingGuards { cache: true, ..none }, key), ["cache"]);
    assert_eq!(catches(ServingGuards { redundant: true, ..none }, stream), ["redundant"]);
    assert_eq!(catches(ServingGuards { redundant: true, ..none }, weight), [""; 0], "both rows read the same weights");
    for place in [weight, key, stream] {
        assert_eq!(catches(none, place), [""; 0]);
    }
}

#[test]
fn defended_answers_are_remembered_and_cost_nothing_where_nothing_strikes() {
    assert_eq!(answers(&mut defended(GUARDS), 0.07, 60, &[]), answers(&mut payload(1), 4.2, 1, &[]));
    let shelf = Arc::new(Shelf::default());
    for number in 1..12 {
        let strikes = [upset(number, false), upset(number + 50, true)];
        let fresh = struck(&mut defended(GUARDS), &strikes);
        assert_eq!(struck(&mut defended_in(GUARDS, shelf.clone()), &strikes), fresh);
        let mut again = defended_in(GUARDS, shelf.clone());
        assert_eq!(struck(&mut again, &strikes), fresh, "upset {number}, from memory");
    }
    // Without defences the steps of a defended network are not these.
    let strikes = [upset(3, false)];
    let plain = struck(&mut payload(1), &strikes);
    assert_eq!(struck(&mut payload_in(1, shelf), &strikes), plain);
}
