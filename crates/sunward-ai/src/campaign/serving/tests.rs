use super::*;
use crate::campaign::Counts;

fn config() -> ServingConfig {
    ServingConfig {
        flips: 300,
        memory_corrected: false,
        regions: Vec::new(),
        weights: WeightForm::F32,
        layers: 4,
        width: 32,
        feed_forward: 64,
        heads: 2,
        key_heads: 1,
        head_width: 32,
        vocabulary: 256,
        window: 8,
        prompts: 3,
        prompt_tokens: 10,
        answer_tokens: 12,
        guards: ServingGuards::recommended(),
        hold: 4,
        recover: true,
    }
}

fn counts(config: &ServingConfig) -> (Counts, Vec<Outcome>) {
    let campaign = ServingCampaign::prepare(config, 1).unwrap();
    let outcomes: Vec<Outcome> = (0..config.flips).map(|number| campaign.run(number)).collect();
    (Counts::of(&outcomes), outcomes)
}

#[test]
fn recommended_defences_let_no_wrong_token_go_and_without_them_there_are_some() {
    let mut harmed = 0;
    for weights in [WeightForm::F32, WeightForm::Bf16, WeightForm::Int8] {
        for memory_corrected in [false, true] {
            let defended = ServingConfig { weights, memory_corrected, flips: 150, ..config() };
            let (found, outcomes) = counts(&defended);
            assert!(found.silent == 0 && found.recovered > 40, "{weights:?}: {found:?}");
            let recovered = outcomes.iter().filter(|outcome| outcome.class == Class::Recovered);
            assert!(recovered.clone().all(|outcome| outcome.exact && outcome.lost > 0));
            let (found, _) = counts(&ServingConfig { guards: ServingGuards::default(), ..defended });
            assert_eq!(found.recovered, 0);
            harmed += found.silent;
        }
    }
    assert!(harmed > 5, "{harmed}");
}

#[test]
fn without_recovery_a_flip_that_is_found_ends_the_answer() {
    let guards = ServingGuards { weights: true, ..ServingGuards::default() };
    let regions = vec![ServingTarget::Matrices];
    let (found, _) = counts(&ServingConfig { guards, regions, recover: false, flips: 60, ..config() });
    assert_eq!(found, Counts { detected: 60, ..Counts::default() });
}

#[test]
fn unusable_campaigns_are_refused() {
    let error = |config| ServingCampaign::prepare(&config, 1).err().unwrap().to_string();
    assert_eq!(error(ServingConfig { hold: 0, ..config() }), "serving.hold is 0, expected at least 1");
    let scales = vec![ServingTarget::Scales];
    assert_eq!(
        error(ServingConfig { regions: scales, ..config() }),
        "regions: scales cannot be struck here, expected some of matrices, norms, keys, values, stream"
    );
    let message = error(ServingConfig { head_width: 33, ..config() });
    assert!(message.contains("the network of [serving]") && message.contains("head_dim"), "{message}");
}
