//! Where each named tensor lies in the one flat buffer of weights (and, in the same order, of gradients and moments).
//!
//! Matrices come first and norm weights last, so that "decays" is one comparison. Names and orientation `[out, in]` are those
//! of nanoGPT's PyTorch module, so that a checkpoint can be read there.

use std::ops::Range;

use rayon::prelude::*;

use super::config::GptConfig;
use crate::kernel::checked::Sums;
use crate::kernel::{Panels, View};
use sunward_units::random::{Purpose, Stream};

/// One tensor: its place in the buffer and its shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// nanoGPT's name, such as `transformer.h.0.attn.c_attn.weight`.
    pub name: String,
    /// Elements of the flat buffer.
    pub range: Range<usize>,
    /// `[out, in]` for a matrix, `[width]` for a norm.
    pub shape: Vec<usize>,
}

/// Places of one block's tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockLayout {
    /// Query, key and value projection `[3 width, width]`.
    pub attention_in: Range<usize>,
    /// Output projection of the attention `[width, width]`.
    pub attention_out: Range<usize>,
    /// First matrix of the perceptron `[4 width, width]`.
    pub mlp_in: Range<usize>,
    /// Second matrix of the perceptron `[width, 4 width]`.
    pub mlp_out: Range<usize>,
    /// Weight of the norm before the attention `[width]`.
    pub norm_1: Range<usize>,
    /// Weight of the norm before the perceptron `[width]`.
    pub norm_2: Range<usize>,
}

/// Places of all tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Token embedding, tied with the output head, `[vocabulary, width]`.
    pub tokens: Range<usize>,
    /// Position embedding `[context, width]`.
    pub positions: Range<usize>,
    /// The blocks.
    pub blocks: Vec<BlockLayout>,
    /// Weight of the last norm `[width]`.
    pub norm_last: Range<usize>,
    /// End of the matrices, which decay; norm weights follow.
    pub matrices_end: usize,
    /// All tensors in the buffer's order.
    pub tensors: Vec<Tensor>,
}

impl Layout {
    /// Lays out the tensors of `config`.
    #[must_use]
    pub fn new(config: &GptConfig) -> Self {
        let c = config.width;
        let mut tensors: Vec<Tensor> = Vec::new();
        let mut place = |name: String, shape: &[usize]| {
            let start = tensors.last().map_or(0, |last| last.range.end);
            let range = start..start + shape.iter().product::<usize>();
            tensors.push(Tensor { name, range: range.clone(), shape: shape.to_vec() });
            range
        };
        let tokens = place("transformer.wte.weight".into(), &[config.vocabulary, c]);
        let positions = place("transformer.wpe.weight".into(), &[config.context, c]);
        let mut blocks: Vec<BlockLayout> = (0..config.layers)
            .map(|layer| {
                let mut matrix =
                    |name: &str, out, input| place(format!("transformer.h.{layer}.{name}.weight"), &[out, input]);
                BlockLayout {
                    attention_in: matrix("attn.c_attn", 3 * c, c),
                    attention_out: matrix("attn.c_proj", c, c),
                    mlp_in: matrix("mlp.c_fc", 4 * c, c),
                    mlp_out: matrix("mlp.c_proj", c, 4 * c),
                    norm_1: 0..0,
                    norm_2: 0..0,
                }
            })
            .collect();
        let matrices_end = blocks.last().map_or(positions.end, |block| block.mlp_out.end);
        for (layer, block) in blocks.iter_mut().enumerate() {
            block.norm_1 = place(format!("transformer.h.{layer}.ln_1.weight"), &[c]);
            block.norm_2 = place(format!("transformer.h.{layer}.ln_2.weight"), &[c]);
        }
        let norm_last = place("transformer.ln_f.weight".into(), &[c]);
        Self { tokens, positions, blocks, norm_last, matrices_end, tensors }
    }

    /// Elements of the buffer.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.norm_last.end
    }

    /// Fresh weights: normal with deviation 0.02, output projections 0.02 / sqrt(2 layers), norm weights 1.
    ///
    /// **Source**: Radford et al. 2019, section 2.3 (scaling by the residual layers); nanoGPT `_init_weights`.
    #[must_use]
    pub fn initial_weights(&self, seed: u64) -> Vec<f32> {
        let residual_scale = 1.0 / ((2 * self.blocks.len()) as f64).sqrt();
        let mut weights = vec![1.0; self.elements()];
        let draw = Stream::new(seed, 0, Purpose::Weights);
        for tensor in &self.tensors[..self.tensors.len() - 2 * self.blocks.len() - 1] {
            let scale = if tensor.name.ends_with("c_proj.weight") { residual_scale } else { 1.0 };
            let start = tensor.range.start;
            weights[tensor.range.clone()].par_iter_mut().enumerate().for_each(|(i, w)| {
                *w = (0.02 * scale * draw.normal((start + i) as u64)) as f32;
            });
        }
        weights
    }
}

/// One matrix packed for both of its products: `x W'` of the forward pass and `d W` of the backward pass.
#[derive(Debug, Clone, Copy)]
pub struct PackedMatrix<'a> {
    /// The transposed matrix, `[in, out]`.
    pub forward: Panels<'a>,
    /// The matrix, `[out, in]`.
    pub backward: Panels<'a>,
    /// Row sums of either, made from the weights; none where products are not checked.
    pub sums: Option<[&'a Sums; 2]>,
}

/// All matrices packed, rebuilt from the weights at the start of each step.
#[derive(Debug, Clone)]
pub struct PackedWeights {
    packed: Vec<f32>,
    /// Start of each matrix in `packed`, by its start in the weights.
    places: Vec<(usize, [usize; 2], Range<usize>)>,
    /// Row sums of both forms of each matrix; empty where products are not checked.
    sums: Vec<[Sums; 2]>,
}

impl PackedWeights {
    /// Room for the matrices of `layout`.
    #[must_use]
    pub fn new(layout: &Layout) -> Self {
        let mut at = 0;
        let places = layout
            .tensors
            .iter()
            .filter(|tensor| tensor.range.end <= layout.matrices_end && tensor.range != layout.positions)
            .map(|tensor| {
                let [out, input] = [tensor.shape[0], tensor.shape[1]];
                let start = at;
                at += Panels::packed_len(input, out) + Panels::packed_len(out, input);
                (tensor.range.start, [out, input], start..at)
            })
            .collect();
        Self { packed: vec![0.0; at], places, sums: Vec::new() }
    }

    /// Packs `weights`; with `checked`, sums their rows and columns for checked products.
    pub fn pack(&mut self, weights: &[f32], checked: bool) {
        let mut rest = &mut self.packed[..];
        let mut jobs = Vec::with_capacity(self.places.len());
        for (start, shape, range) in &self.places {
            let (part, after) = rest.split_at_mut(range.len());
            rest = after;
            jobs.push((*start, *shape, part));
        }
        jobs.into_par_iter().for_each(|(start, [out, input], part)| {
            let matrix = View::new(&weights[start..start + out * input], out, input, input);
            let (forward, backward) = part.split_at_mut(Panels::packed_len(input, out));
            Panels::pack(matrix.transposed(), forward);
            Panels::pack(matrix, backward);
        });
        let sums = |(start, [out, input], _): &(usize, [usize; 2], Range<usize>)| {
            let matrix = View::new(&weights[*start..start + out * input], *out, *input, *input);
            [Sums::of(matrix.transposed()), Sums::of(matrix)]
        };
        self.sums = if checked { self.places.par_iter().map(sums).collect() } else { Vec::new() };
    }

    /// The packed elements, for a flip to strike.
    pub fn packed_mut(&mut self) -> &mut [f32] {
        &mut self.packed
    }

    /// Resident bytes of the packed copy.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of_val(&self.packed[..])
    }

    /// Bytes of the row sums of a checked step.
    #[must_use]
    pub fn sums_bytes(&self) -> usize {
        self.places.iter().map(|(_, [out, input], _)| Sums::bytes(*out) + Sums::bytes(*input)).sum()
    }

    /// First element, rows and columns of each packed matrix among the weights.
    pub fn matrices(&self) -> impl Iterator<Item = (usize, [usize; 2])> {
        self.places.iter().map(|(start, shape, _)| (*start, *shape))
    }

    /// The packed forms of the matrix that lies at `range` of the weights.
    #[must_use]
    pub fn matrix(&self, range: &Range<usize>) -> PackedMatrix<'_> {
        let place = self.places.binary_search_by_key(&range.start, |place| place.0).expect("a matrix of the layout");
        let (_, [out, input], packed) = &self.places[place];
        let (forward, backward) = self.packed[packed.clone()].split_at(Panels::packed_len(*input, *out));
        PackedMatrix {
            forward: Panels::new(forward, *input, *out),
            backward: Panels::new(backward, *out, *input),
            sums: self.sums.get(place).map(|[forward, backward]| [forward, backward]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_nanogpt() {
        // torch counts 804,096 for nanoGPT's character configuration for a CPU, the tied head once.
        assert_eq!(Layout::new(&GptConfig::characters_small(65)).elements(), 804_096);
        // GPT-2 124M: 124,337,664 without the biases of its 124,439,808.
        assert_eq!(Layout::new(&GptConfig::gpt2_small()).elements(), 124_337_664);
    }

    #[test]
    fn tensors_tile_the_buffer_and_matrices_come_first() {
        let layout = Layout::new(&GptConfig::characters_small(65));
        for pair in layout.tensors.windows(2) {
            assert_eq!(pair[0].range.end, pair[1].range.start);
        }
        for tensor in &layout.tensors {
            assert_eq!(tensor.shape.len() == 2, tensor.range.end <= layout.matrices_end, "{}", tensor.name);
            assert_eq!(tensor.range.len(), tensor.shape.iter().product::<usize>());
        }
    }

    #[test]
    fn initial_weights_have_their_deviations() {
        let layout = Layout::new(&GptConfig::characters_small(65));
        let weights = layout.initial_weights(1);
        let deviation = |range: &Range<usize>| {
            let x = &weights[range.clone()];
            (x.iter().map(|x| f64::from(x * x)).sum::<f64>() / x.len() as f64).sqrt()
        };
        assert!((deviation(&layout.blocks[1].mlp_in) / 0.02 - 1.0).abs() < 0.01);
        assert!((deviation(&layout.blocks[1].mlp_out) / (0.02 / 8f64.sqrt()) - 1.0).abs() < 0.01);
        assert!(weights[layout.matrices_end..].iter().all(|w| *w == 1.0));
    }
}
