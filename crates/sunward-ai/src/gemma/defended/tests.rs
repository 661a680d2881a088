use super::*;
use crate::gemma::{GemmaConfig, Weights};
use serde_json::json;

const COUNT: usize = 12;
const PROMPT: [u32; 6] = [5, 9, 33, 2, 61, 17];

fn network() -> Network {
    let config = json!({
        "model_type": "gemma3_text", "vocab_size": 256, "hidden_size": 32, "intermediate_size": 64,
        "num_hidden_layers": 4, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 32,
        "query_pre_attn_scalar": 32, "max_position_embeddings": 64, "sliding_window": 8, "sliding_window_pattern": 2,
        "rms_norm_eps": 1e-6, "rope_theta": 1e6, "rope_local_base_freq": 1e4,
    });
    Network::random(GemmaConfig::from_json("test", &config).unwrap(), Weights::F32, 3)
}

fn known(network: &Network) -> Vec<f32> {
    Server::learn(network, &[vec![1, 2, 3, 4, 5, 6], vec![60, 50, 40, 30, 20, 10]], COUNT).unwrap()
}

fn served(guards: ServingGuards, strike: Option<ServingStrike>) -> Served {
    let network = network();
    let defences = ServingDefences { guards, hold: 5, recover: true };
    Server::new(&network, defences, known(&network)).answer(&PROMPT, COUNT, strike).unwrap()
}

fn strike(target: ServingTarget, element: usize, bit: usize) -> ServingStrike {
    ServingStrike { target, layer: 1, bit: 32 * element + bit, token: 6 }
}

/// The first flips of `bit` in `target` that change the text of an undefended server.
fn harmful(target: ServingTarget, bit: usize) -> Vec<ServingStrike> {
    let text = served(ServingGuards::default(), None).tokens;
    let all = (0..64).map(|element| strike(target, 7 * element, bit));
    let changes = |strike: &ServingStrike| served(ServingGuards::default(), Some(*strike)).tokens != text;
    all.filter(|strike| strike.target != ServingTarget::Stream || strike.bit < 32 * 32)
        .filter(changes)
        .take(3)
        .collect()
}

/// Flips that change the text when nothing watches are found by the guard for them, and the text is then the unhurt one.
#[test]
fn each_guard_finds_what_it_is_for_and_undefended_the_text_changes() {
    let none = ServingGuards::default();
    let text = served(none, None).tokens;
    let cases = [
        (ServingGuards { weights: true, ..none }, ServingTarget::Matrices, "weights"),
        (ServingGuards { weights: true, ..none }, ServingTarget::Norms, "weights"),
        (ServingGuards { cache: true, ..none }, ServingTarget::Values, "cache"),
        (ServingGuards { cache: true, ..none }, ServingTarget::Keys, "cache"),
        (ServingGuards { ranges: Some(4.0), ..none }, ServingTarget::Stream, "ranges"),
        (ServingGuards { redundant: true, ..none }, ServingTarget::Stream, "redundant"),
        (ServingGuards { redundant: true, ..none }, ServingTarget::Values, "redundant"),
    ];
    for (guards, target, name) in cases {
        let strikes = harmful(target, 30);
        assert!(!strikes.is_empty(), "{name}: no flip of {target:?} changes the text undefended");
        for strike in strikes {
            let defended = served(guards, Some(strike));
            let first = defended.alarms.first().map(ServingAlarm::guard);
            assert_eq!((first, defended.tokens == text), (Some(name), true), "{strike:?}: {:?}", defended.alarms);
            assert!(defended.lost > 0);
        }
    }
    let stored = network();
    let defences = ServingDefences { guards: ServingGuards { finite: true, ..none }, hold: 5, recover: true };
    let mut server = Server::new(&stored, defences, Vec::new());
    // A norm's weight of 0 becomes infinite.
    (23..=30).for_each(|bit| server.network.flip(WeightRegion::Norms, bit));
    let served = server.answer(&PROMPT, COUNT, None).unwrap();
    assert!(matches!(served.alarms[..], [ServingAlarm::NotFinite { .. }]) && served.tokens == text, "{served:?}");
}

#[test]
fn guards_change_no_answer_and_raise_no_alarm() {
    let plain = served(ServingGuards::default(), None);
    let all = served(ServingGuards::all(), None);
    assert_eq!((&all.alarms, all.lost), (&Vec::new(), 0));
    assert_eq!(all.tokens, plain.tokens);
}

/// A stream that is out of range by the text itself comes out alike twice.
#[test]
fn a_range_of_the_text_is_accepted() {
    let network = network();
    let guards = ServingGuards { ranges: Some(0.5), ..ServingGuards::default() };
    let mut server = Server::new(&network, ServingDefences { guards, hold: 12, recover: true }, known(&network));
    let served_all = server.answer(&PROMPT, COUNT, None).unwrap();
    assert!(served_all.alarms.len() == 2 && served_all.tokens == served(ServingGuards::default(), None).tokens);
}

#[test]
fn costs_are_counted() {
    let network = network();
    let bytes = |guards| {
        let defences = ServingDefences { guards, hold: 4, recover: true };
        Server::new(&network, defences, Vec::new()).bytes(18).unwrap()
    };
    let none = ServingGuards::default();
    assert_eq!(bytes(none), Bytes::default());
    let weights = network.weight_data().0 as usize / 8;
    assert_eq!(bytes(ServingGuards { weights: true, ..none }), Bytes { held: 8 * 2, moved: weights / 4 });
    // Four layers of 20 slots (18, in strips of 4), one key head of 32, keys and values.
    let cache = 2 * 4 * 20 * 32 * 4;
    assert_eq!(bytes(ServingGuards { cache: true, ..none }), Bytes { held: 16, moved: 2 * cache });
    assert_eq!(bytes(ServingGuards { redundant: true, ..none }), Bytes { held: cache, moved: 2 * 4 * 256 });
}
