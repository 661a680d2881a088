use super::*;
use crate::gpt::data::Vocabulary;
use serde_json::Value;

const TINY: GptConfig = GptConfig { layers: 2, heads: 2, width: 32, context: 16, vocabulary: 40 };

fn settings() -> TrainConfig {
    TrainConfig {
        batch: 8,
        iterations: 200,
        warmup: 10,
        learning_rate: 3e-3,
        learning_rate_min: 1e-3,
        ..TrainConfig::default()
    }
}

fn tiny() -> Trainer {
    Trainer::new(TINY, settings(), Arc::new(Corpus::generated(20_000, 1))).unwrap()
}

/// The formula of testdata/ai/gpt_torch.py.
fn formula(layout: &Layout) -> Vec<f32> {
    let hashed = |i: usize| (i as u64 * 2_654_435_761 % (1 << 32)) as f64 / (1u64 << 32) as f64;
    let shift = |i| if i < layout.matrices_end { 0.0 } else { 1.0 };
    (0..layout.elements()).map(|i| (0.1 * (hashed(i) - 0.5) + shift(i)) as f32).collect()
}

fn torch_batch(step: usize, context: usize) -> Batch {
    let token = |j: usize| ((j * j + 3 * j) / 7 % 37) as u32;
    let starts: Vec<usize> = (0..4).map(|b| 29 * step + 101 * b).collect();
    let sequences = |shift: usize| starts.iter().flat_map(|s| (s + shift..s + shift + context).map(token)).collect();
    Batch { inputs: sequences(0), targets: sequences(1) }
}

/// Ten steps of PyTorch 2.15.0 from the same weights (testdata/ai/gpt_torch.py). Both round to single precision in different
/// orders: 2e-6 of the loss and 1e-5 of a tensor's largest gradient is what that leaves.
#[test]
fn ten_losses_and_the_first_gradients_are_those_of_pytorch() {
    let expected: Value = serde_json::from_str(include_str!("../../../../../testdata/ai/gpt_torch.json")).unwrap();
    let number = |value: &Value| value.as_f64().unwrap();
    let config = GptConfig { vocabulary: 37, ..TINY };
    let settings = TrainConfig {
        batch: 4,
        iterations: 12,
        warmup: 3,
        learning_rate: 1e-2,
        learning_rate_min: 1e-3,
        ..TrainConfig::default()
    };
    let corpus = Corpus::new("abc", &"abc".repeat(100), Vocabulary::of_characters("abc")).unwrap();
    let mut trainer = Trainer::new(config, settings, Arc::new(corpus)).unwrap();
    let weights = formula(trainer.layout());
    trainer.buffers_mut().region_mut(Region::Weights).copy_from_slice(&weights);
    for step in 0..10 {
        let report = trainer.compute(&torch_batch(step, 16), &mut |_, _| {});
        if step == 0 {
            check_gradients(&trainer, &expected["gradients_of_step_one"]);
        }
        trainer.update(&report);
        let (loss, norm) = (number(&expected["losses"][step]), number(&expected["gradient_norms"][step]));
        assert!((report.loss / loss - 1.0).abs() < 2e-6, "step {step}: loss {} against {loss}", report.loss);
        assert!(
            (report.gradient_norm / norm - 1.0).abs() < 1e-5,
            "step {step}: norm {} against {norm}",
            report.gradient_norm
        );
    }
    for tensor in &trainer.layout.tensors {
        let got = f64::from(trainer.buffers.region(Region::Weights)[tensor.range.start + tensor.range.len() / 3]);
        let want = number(&expected["weights_after"][&tensor.name]);
        assert!((got - want).abs() < 2e-5, "{}: {got} against {want}", tensor.name);
    }
}

fn check_gradients(trainer: &Trainer, expected: &Value) {
    for tensor in &trainer.layout.tensors {
        let got = &trainer.buffers.region(Region::Gradients)[tensor.range.clone()];
        let largest = f64::from(got.iter().fold(0.0f32, |most, g| most.max(g.abs())));
        let norm = got.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
        let expected = &expected[&tensor.name];
        assert!((norm / expected["norm"].as_f64().unwrap() - 1.0).abs() < 1e-5, "{}: norm {norm}", tensor.name);
        for element in expected["elements"].as_array().unwrap() {
            let (i, want) = (element[0].as_u64().unwrap() as usize, element[1].as_f64().unwrap());
            assert!(
                (f64::from(got[i]) - want).abs() < 1e-5 * largest,
                "{} [{i}]: {} against {want}",
                tensor.name,
                got[i]
            );
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let run = |threads| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
            let mut trainer = tiny();
            let reports: Vec<StepReport> = (0..5).map(|_| trainer.step()).collect();
            (reports, trainer.evaluate(Part::Validation, 2).to_bits(), trainer.checkpoint())
        })
    };
    let one = run(1);
    assert!(one == run(2));
    assert!(one == run(5));
}

#[test]
fn passes_give_the_gradients_of_the_whole_batch() {
    let long = GptConfig { context: 80, ..TINY };
    let mut whole = Trainer::new(long, settings(), Arc::new(Corpus::generated(20_000, 1))).unwrap();
    let mut cut = whole.clone();
    cut.plan = Plan::within(&long, 8, 0);
    cut.buffers.regions[Region::Activations as usize] = vec![f32::NAN; cut.plan.activations_len()];
    assert_eq!((cut.plan.pass_sequences(), whole.plan.pass_sequences()), (1, 8));
    let batch = whole.batch();
    let (a, b) = (whole.compute(&batch, &mut |_, _| {}), cut.compute(&batch, &mut |_, _| {}));
    assert!((a.loss - b.loss).abs() < 1e-14);
    assert!(whole.buffers.region(Region::Gradients) == cut.buffers.region(Region::Gradients));
}

#[test]
fn a_run_starts_at_the_entropy_of_its_vocabulary_and_learns() {
    let mut trainer = tiny();
    let start = trainer.evaluate(Part::Validation, 4);
    let mut reports: Vec<StepReport> = (0..200).map(|_| trainer.step()).collect();
    let end = trainer.evaluate(Part::Validation, 4);
    assert!((start - 40f64.ln()).abs() < 0.03, "start {start}");
    // A network that only counts characters cannot get below their entropy.
    let tokens = trainer.corpus().tokens(Part::Training);
    let shares = (0..40).map(|t| tokens.iter().filter(|token| **token == t).count() as f64 / tokens.len() as f64);
    let entropy: f64 = shares.filter(|share| *share > 0.0).map(|share| -share * share.ln()).sum();
    assert!(end < entropy - 0.4, "end {end}, entropy of the characters {entropy}");
    let last = reports.pop().unwrap();
    assert_eq!((last.iteration, trainer.iteration()), (199, 200));
}

#[test]
fn a_restored_run_goes_on_bit_by_bit() {
    let mut unbroken = tiny();
    (0..3).for_each(|_| _ = unbroken.step());
    let bytes = unbroken.checkpoint();
    let mut resumed = Trainer::resume("tiny.safetensors", &bytes, Arc::clone(&unbroken.corpus)).unwrap();
    let mut thrown_back = tiny();
    (0..6).for_each(|_| _ = thrown_back.step());
    thrown_back.restore("tiny.safetensors", &bytes).unwrap();
    for step in 3..8 {
        let report = unbroken.step();
        assert_eq!(report.iteration, step);
        assert_eq!((report, report), (resumed.step(), thrown_back.step()));
    }
    assert!(unbroken.checkpoint() == resumed.checkpoint());
    assert!(unbroken.checkpoint() == thrown_back.checkpoint());
}

#[test]
fn a_bad_checkpoint_is_refused_and_changes_nothing() {
    let mut trainer = tiny();
    trainer.step();
    let bytes = trainer.checkpoint();
    trainer.step();
    let before = trainer.clone();
    let cut = trainer.restore("c.st", &bytes[..bytes.len() / 2]).unwrap_err().to_string();
    assert!(cut.starts_with("c.st: truncated in tensor optimizer."), "{cut}");
    let mut struck = bytes.clone();
    *struck.last_mut().unwrap() ^= 64;
    assert!(trainer.restore("c.st", &struck).unwrap_err().to_string().starts_with("c.st: checksum: expected"));
    let other =
        Trainer::new(GptConfig { heads: 4, ..TINY }, settings(), Arc::clone(&trainer.corpus)).unwrap().checkpoint();
    let message = trainer.restore("c.st", &other).unwrap_err().to_string();
    assert!(message.starts_with("c.st: network: expected GptConfig { layers: 2, heads: 2,"), "{message}");
    assert!((trainer.buffers(), trainer.iteration()) == (before.buffers(), before.iteration()));
}

#[test]
fn a_text_that_does_not_fit_is_refused() {
    let corpus = Arc::new(Corpus::generated(20_000, 1));
    let size = corpus.vocabulary().size();
    let error = Trainer::new(GptConfig { vocabulary: 5, ..TINY }, settings(), corpus).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("generated corpus (no text was given) has {size} distinct tokens, expected at most the network's 5")
    );
}

#[test]
fn flips_strike_the_bit_they_name_and_are_felt() {
    let mut trainer = tiny();
    let clean = trainer.clone().step();
    let weight = |trainer: &Trainer| trainer.buffers().region(Region::Weights)[7];
    let before = weight(&trainer);
    trainer.buffers_mut().flip(Region::Weights, 32 * 7 + 31);
    assert_eq!(weight(&trainer), -before);
    trainer.buffers_mut().flip(Region::Weights, 32 * 7 + 31);
    assert_eq!((weight(&trainer), trainer.clone().step()), (before, clean));
    assert_eq!(trainer.buffers().bytes(Region::FirstMoment), 4 * trainer.layout().elements());
    for (phase, region) in [
        (Phase::Start, Region::Weights),
        (Phase::Forward { pass: 0 }, Region::Activations),
        (Phase::Backward { pass: 0 }, Region::Activations),
        (Phase::Gradients, Region::Gradients),
        (Phase::Start, Region::FirstMoment),
        (Phase::Start, Region::SecondMoment),
    ] {
        let mut struck = trainer.clone();
        struck.step_observed(|now, buffers| {
            if now == phase {
                buffers.flip(region, 32 * 100 + 30);
            }
        });
        let mut unhurt = trainer.clone();
        unhurt.step();
        assert!(unhurt.checkpoint() != struck.checkpoint(), "{region:?} at {phase:?}");
    }
}

#[test]
fn samples_are_text_and_depend_on_their_seed_alone() {
    let mut trainer = tiny();
    (0..60).for_each(|_| _ = trainer.step());
    let sampling = Sampling { temperature: 0.8, top_k: 20, sample: 0, seed: 1 };
    let text = trainer.sample("The ", 40, &sampling).unwrap();
    assert_eq!(text.chars().count(), 40);
    assert_eq!(text, trainer.sample("The ", 40, &sampling).unwrap());
    assert_ne!(text, trainer.sample("The ", 40, &Sampling { sample: 1, ..sampling }).unwrap());
    assert_eq!(
        trainer.sample("#", 1, &sampling).unwrap_err().to_string().split(" is not").next(),
        Some("prompt: character '#' at byte 0")
    );
}

#[test]
fn fine_tuning_continues_from_the_weights_and_adapters_leave_them_alone() {
    let corpus = Arc::new(Corpus::generated(20_000, 1));
    let mut base = Trainer::new(TINY, settings(), Arc::clone(&corpus)).unwrap();
    (0..80).for_each(|_| _ = base.step());
    let bytes = base.checkpoint();
    let other = Corpus::new(
        "other",
        &"The dawn pass waits at noon until the link opens. ".repeat(80),
        corpus.vocabulary().clone(),
    );
    let other = Arc::new(other.unwrap());
    let tuning = TrainConfig { iterations: 120, warmup: 0, learning_rate: 5e-3, ..settings() };
    for adapters in [None, Some(AdapterConfig { rank: 4, alpha: 8.0 })] {
        let mut tuned = Trainer::fine_tune(("base", &bytes), tuning, Arc::clone(&other), adapters).unwrap();
        let before = tuned.evaluate(Part::Validation, 4);
        (0..120).for_each(|_| _ = tuned.step());
        let after = tuned.evaluate(Part::Validation, 4);
        assert!(after < before - 0.15, "{adapters:?}: {before} to {after}");
        let kept = tuned.buffers.region(Region::Weights) == base.buffers.region(Region::Weights);
        assert_eq!(kept, adapters.is_some());
        let resumed = Trainer::resume("tuned", &tuned.checkpoint(), Arc::clone(&other)).unwrap();
        assert!(resumed.buffers.region(Region::Adapters) == tuned.buffers.region(Region::Adapters));
        let mut merged = Trainer::fine_tune(("tuned", &tuned.checkpoint()), tuning, Arc::clone(&other), None).unwrap();
        assert!((merged.evaluate(Part::Validation, 4) - after).abs() < 1e-5);
    }
}

/// Central differences of the loss along each adapter's steepest element.
#[test]
fn adapter_gradients_are_slopes_of_the_loss() {
    let base = tiny();
    let adapters = Some(AdapterConfig { rank: 3, alpha: 6.0 });
    let mut tuned =
        Trainer::fine_tune(("base", &base.checkpoint()), settings(), Arc::clone(&base.corpus), adapters).unwrap();
    for (i, x) in tuned.buffers.region_mut(Region::Adapters).iter_mut().enumerate() {
        *x += 0.1 * (i as f32).sin();
    }
    let batch = tuned.batch();
    tuned.compute(&batch, &mut |_, _| {});
    let gradients = tuned.buffers.region(Region::AdapterGradients).to_vec();
    for tensor in tuned.adapters.as_ref().unwrap().layout.tensors.clone() {
        let steepest = tensor.range.clone().max_by(|a, b| gradients[*a].abs().total_cmp(&gradients[*b].abs())).unwrap();
        let mut at = |shift: f32| {
            tuned.buffers.region_mut(Region::Adapters)[steepest] += shift;
            let loss = tuned.compute(&batch, &mut |_, _| {}).loss;
            tuned.buffers.region_mut(Region::Adapters)[steepest] -= shift;
            loss
        };
        let slope = (at(0.02) - at(-0.02)) / 0.04;
        let error = (slope / f64::from(gradients[steepest]) - 1.0).abs();
        assert!(error < 0.02, "{}: {} against {slope}", tensor.name, gradients[steepest]);
    }
}

#[test]
fn another_vocabulary_cannot_be_fine_tuned_on() {
    let base = tiny().checkpoint();
    let other = Arc::new(Corpus::characters("other", &"xyz".repeat(100)));
    let error = Trainer::fine_tune(("base", &base), settings(), other, None).unwrap_err().to_string();
    assert!(error.starts_with("base: vocabulary: expected Characters(['x', 'y', 'z']), found"), "{error}");
}
