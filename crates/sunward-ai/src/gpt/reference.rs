//! The network as plain loops in double precision: what the fast path is checked against, and the place to read first.

use super::config::GptConfig;
use super::parameters::Layout;

/// Mean cross-entropy (nat) of `targets` after `inputs`, both `[sequence, context]`.
pub(crate) fn loss(config: &GptConfig, weights: &[f64], inputs: &[u32], targets: &[u32]) -> f64 {
    let sequences = inputs.chunks(config.context).zip(targets.chunks(config.context));
    let losses = sequences.flat_map(|(inputs, targets)| {
        let logits = logits(config, weights, inputs);
        targets
            .iter()
            .zip(logits)
            .map(|(target, row)| {
                let total: f64 = row.iter().map(|x| x.exp()).sum();
                total.ln() - row[*target as usize]
            })
            .collect::<Vec<_>>()
    });
    losses.sum::<f64>() / inputs.len() as f64
}

/// Logits of one sequence, `[position][token]`.
pub(crate) fn logits(config: &GptConfig, weights: &[f64], tokens: &[u32]) -> Vec<Vec<f64>> {
    let layout = Layout::new(config);
    let c = config.width;
    let row = |start: usize, index: usize| weights[start + index * c..][..c].to_vec();
    let mut x: Vec<Vec<f64>> = (0..tokens.len())
        .map(|t| added(&row(layout.tokens.start, tokens[t] as usize), &row(layout.positions.start, t)))
        .collect();
    for block in &layout.blocks {
        let normed: Vec<_> = x.iter().map(|x| norm(x, &weights[block.norm_1.clone()])).collect();
        let qkv: Vec<_> = normed.iter().map(|x| times(&weights[block.attention_in.clone()], x)).collect();
        for (t, x) in x.iter_mut().enumerate() {
            *x = added(x, &times(&weights[block.attention_out.clone()], &attention(config, &qkv, t)));
        }
        for x in &mut x {
            let hidden = times(&weights[block.mlp_in.clone()], &norm(x, &weights[block.norm_2.clone()]));
            let activated: Vec<f64> = hidden.iter().map(|x| x * 0.5 * erfc(-x / 2f64.sqrt())).collect();
            *x = added(x, &times(&weights[block.mlp_out.clone()], &activated));
        }
    }
    x.iter().map(|x| times(&weights[layout.tokens.clone()], &norm(x, &weights[layout.norm_last.clone()]))).collect()
}

/// What position `t` attends to, all heads side by side.
fn attention(config: &GptConfig, qkv: &[Vec<f64>], t: usize) -> Vec<f64> {
    let (c, d) = (config.width, config.head_width());
    let mut out = vec![0.0; c];
    for head in 0..config.heads {
        let dot = |s: usize| (0..d).map(|i| qkv[t][head * d + i] * qkv[s][c + head * d + i]).sum::<f64>();
        let weights: Vec<f64> = (0..=t).map(|s| (dot(s) / (d as f64).sqrt()).exp()).collect();
        let total: f64 = weights.iter().sum();
        for i in 0..d {
            out[head * d + i] = (0..=t).map(|s| weights[s] / total * qkv[s][2 * c + head * d + i]).sum();
        }
    }
    out
}

fn added(x: &[f64], y: &[f64]) -> Vec<f64> {
    x.iter().zip(y).map(|(x, y)| x + y).collect()
}

fn times(matrix: &[f64], x: &[f64]) -> Vec<f64> {
    matrix.chunks(x.len()).map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum()).collect()
}

fn norm(x: &[f64], weight: &[f64]) -> Vec<f64> {
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    x.iter().zip(weight).map(|(x, w)| (x - mean) / (variance + 1e-5).sqrt() * w).collect()
}

/// Complementary error function: Maclaurin series up to 3, continued fraction beyond (Abramowitz and Stegun 7.1.5, 7.1.14).
pub(crate) fn erfc(x: f64) -> f64 {
    if x < 0.0 {
        return 2.0 - erfc(-x);
    }
    let root_pi = std::f64::consts::PI.sqrt();
    if x > 3.0 {
        let fraction = (1..=60).rev().fold(x, |below, k| x + f64::from(k) / 2.0 / below);
        return (-x * x).exp() / (root_pi * fraction);
    }
    let mut term = x;
    let mut sum = x;
    for n in 1..100 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    1.0 - 2.0 / root_pi * sum
}

mod tests {
    use super::*;
    use crate::gpt::data::{Batch, Corpus};
    use crate::gpt::model::{Network, Plan, weight_gradients};
    use crate::gpt::parameters::PackedWeights;
    use crate::gpt::watch::Watch;
    use crate::kernel::elementwise::{exp, normal};
    use crate::kernel::product::Output;

    /// (loss, gradients) of the fast path.
    fn fast(config: &GptConfig, weights: &[f32], batch: &Batch) -> (f64, Vec<f32>) {
        let layout = Layout::new(config);
        let plan = Plan::new(config, batch.inputs.len() / config.context);
        let mut packed = PackedWeights::new(&layout);
        packed.pack(weights, false);
        let watch = Watch::default();
        let network =
            Network { plan: &plan, layout: &layout, weights, packed: &packed, watch: &watch, pass: 0, chunk: 0 };
        let mut activations = vec![f32::NAN; plan.activations_len()];
        network.forward(&batch.inputs, &mut activations);
        let loss = network.loss(&batch.targets, &mut activations) / batch.inputs.len() as f64;
        network.backward(&mut activations);
        let mut gradients = vec![f32::NAN; layout.elements()];
        weight_gradients(network, &batch.inputs, &activations, &mut gradients, Output::Replace);
        (loss, gradients)
    }

    /// Sizes that leave remainders everywhere: no width here is a whole number of lanes or tiles.
    fn configs() -> [GptConfig; 3] {
        [
            GptConfig { layers: 1, heads: 1, width: 6, context: 5, vocabulary: 40 },
            GptConfig { layers: 2, heads: 3, width: 24, context: 19, vocabulary: 40 },
            GptConfig { layers: 3, heads: 2, width: 32, context: 16, vocabulary: 40 },
        ]
    }

    fn example(config: &GptConfig, seed: u64) -> (Vec<f32>, Batch) {
        let corpus = Corpus::generated(2000, seed);
        assert!(corpus.vocabulary().size() <= config.vocabulary);
        // Larger than usual weights, so that attention and GELU leave their linear range.
        let weights =
            Layout::new(config).initial_weights(seed).iter().map(|w| if *w == 1.0 { 0.9 } else { w * 15.0 }).collect();
        (weights, Batch::of_step(&corpus, 6, config.context, seed, 0))
    }

    #[test]
    fn loss_is_that_of_the_plain_loops() {
        for (seed, config) in configs().iter().enumerate() {
            let (weights, batch) = example(config, seed as u64);
            let slow =
                loss(config, &weights.iter().map(|w| f64::from(*w)).collect::<Vec<_>>(), &batch.inputs, &batch.targets);
            let (fast, _) = fast(config, &weights, &batch);
            assert!((fast - slow).abs() < 2e-6 * slow, "{config:?}: {fast} against {slow}");
        }
    }

    /// Central differences of the plain loops, for every tensor: its largest gradients, and some of its others.
    #[test]
    fn gradients_are_those_of_the_plain_loops() {
        for (seed, config) in configs().iter().enumerate() {
            let (weights, batch) = example(config, seed as u64);
            let (_, gradients) = fast(config, &weights, &batch);
            let mut double: Vec<f64> = weights.iter().map(|w| f64::from(*w)).collect();
            for tensor in &Layout::new(config).tensors {
                let size = tensor.range.clone().map(|i| gradients[i].abs()).fold(0.0, f32::max);
                assert!(size > 1e-4, "{}: all gradients are nearly 0", tensor.name);
                let largest = tensor.range.clone().find(|i| gradients[*i].abs() == size).expect("one is the largest");
                let others = tensor.range.clone().step_by(tensor.range.len().div_ceil(6));
                for i in others.chain([largest]) {
                    let mut at = |shift: f64| {
                        let middle = double[i];
                        double[i] = middle + shift;
                        let value = loss(config, &double, &batch.inputs, &batch.targets);
                        double[i] = middle;
                        value
                    };
                    let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                    let error = (f64::from(gradients[i]) - slope).abs();
                    assert!(
                        error < 2e-5 * f64::from(size) + 2e-7,
                        "{} [{i}]: {} against {slope}",
                        tensor.name,
                        gradients[i]
                    );
                }
            }
        }
    }

    #[test]
    fn the_future_does_not_reach_the_past() {
        let config = configs()[1];
        let (weights, batch) = example(&config, 4);
        let layout = Layout::new(&config);
        let plan = Plan::new(&config, 6);
        let mut packed = PackedWeights::new(&layout);
        packed.pack(&weights, false);
        let watch = Watch::default();
        let network = Network {
            plan: &plan,
            layout: &layout,
            weights: &weights,
            packed: &packed,
            watch: &watch,
            pass: 0,
            chunk: 0,
        };
        let logits = |tokens: &[u32]| {
            let mut activations = vec![0.0; plan.activations_len()];
            network.forward(tokens, &mut activations);
            plan.logits(&activations, 0, 9).to_vec()
        };
        let before = logits(&batch.inputs);
        let mut changed = batch.inputs.clone();
        changed[10] = (changed[10] + 1) % 20;
        assert_eq!(before, logits(&changed));
        changed[9] = (changed[9] + 1) % 20;
        assert_ne!(before, logits(&changed));
    }

    #[test]
    fn exponential_and_normal_are_as_accurate_as_stated() {
        for i in -88_000..88_000 {
            let x = i as f32 / 1000.0;
            let exact = f64::from(x).exp();
            let expected = if x < -87.3 { 0.0 } else { exact };
            assert!((f64::from(exp(x)) - expected).abs() <= 2e-7 * exact.max(expected), "exp({x})");
            let z = x / 8.0;
            let (cumulative, density) = normal(z);
            let z = f64::from(z);
            assert!((f64::from(cumulative) - 0.5 * erfc(-z / 2f64.sqrt())).abs() < 2.5e-7, "cumulative({z})");
            assert!(
                (f64::from(density) - (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt()).abs() < 2.5e-7,
                "density({z})"
            );
        }
        assert!(exp(f32::NAN).is_nan() && normal(f32::NAN).0.is_nan());
        assert_eq!((exp(f32::NEG_INFINITY), normal(f32::INFINITY).0, normal(f32::NEG_INFINITY).0), (0.0, 1.0, 0.0));
    }
}
