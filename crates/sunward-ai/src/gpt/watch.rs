//! What looks at a pass while it is computed, and the flip that may strike it there.
//!
//! - *ranges*: the largest magnitude of the residual stream after every layer, and of the logits. A guard compares them with those of
//!   the steps before. (Gradients vary too much from batch to batch for that.)
//! - *products*: every matrix product is checked against the sums of its right side ([`checked`](crate::kernel::checked)).
//!
//! A [`Strike`] flips one bit at one moment of one step. Both are off in ordinary training.
//!
//! **Source**: Chen, Li and Pattabiraman, "A low-cost fault corrector for deep neural networks through range restriction", DSN 2021
//! (ranges known from runs without faults).

use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};
use sunward_units::random::Stream;

use super::train::{Phase, Region, Trainer};
use crate::kernel::elementwise::largest_magnitude;

/// What a flip can strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// Weights.
    Weights,
    /// The packed copy of the weights that a step computes with.
    PackedWeights,
    /// First moments of the optimiser.
    FirstMoment,
    /// Second moments of the optimiser.
    SecondMoment,
    /// Low-rank adapters.
    Adapters,
    /// Activations, and their gradients on the way back.
    Activations,
    /// Gradients of the weights.
    Gradients,
    /// Gradients of the adapters.
    AdapterGradients,
    /// Outputs of matrix products as they are computed.
    Products,
}

impl Target {
    /// What lies in memory.
    pub const RESIDENT: [Self; 8] = [
        Self::Weights,
        Self::PackedWeights,
        Self::FirstMoment,
        Self::SecondMoment,
        Self::Adapters,
        Self::Activations,
        Self::Gradients,
        Self::AdapterGradients,
    ];
    /// What is under way in caches and arithmetic units, and can be struck unseen where the memory is corrected.
    pub const IN_FLIGHT: [Self; 4] = [Self::Activations, Self::Gradients, Self::AdapterGradients, Self::Products];

    /// Its name, as files write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::PackedWeights => "packed-weights",
            Self::FirstMoment => "first-moment",
            Self::SecondMoment => "second-moment",
            Self::Adapters => "adapters",
            Self::Activations => "activations",
            Self::Gradients => "gradients",
            Self::AdapterGradients => "adapter-gradients",
            Self::Products => "products",
        }
    }
}

/// Where a flip strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// One of the flat buffers, at a moment between the parts of a step.
    Buffer {
        /// Which.
        region: Region,
        /// When.
        phase: Phase,
    },
    /// The packed copy of the weights, after it is made.
    Packed,
    /// The activations of a chunk of a pass, between two layers.
    Activations {
        /// Pass, from 0.
        pass: usize,
        /// Chunk of the pass, from 0.
        chunk: usize,
        /// Layers (embedding and head count as one each) done since the pass began, forward and then backward.
        done: usize,
    },
    /// The output of a product with a matrix of the weights, as it is computed.
    Product {
        /// Pass, from 0.
        pass: usize,
        /// Chunk of the pass, from 0.
        chunk: usize,
        /// First element of the matrix among the weights.
        matrix: usize,
        /// In the forward pass, else in the backward pass.
        forward: bool,
    },
}

/// One flipped bit: bit b of element i has index 32 i + b, b = 31 being the sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strike {
    /// Where and when.
    pub place: Place,
    /// Which bit.
    pub bit: usize,
}

/// Flips bit `bit` of `data`.
pub(super) fn flip(data: &mut [f32], bit: usize) {
    let element = &mut data[bit / 32];
    *element = f32::from_bits(element.to_bits() ^ (1 << (bit % 32)));
}

/// The largest of numbers that many threads tell; a not-a-number is larger than all.
#[derive(Debug, Default)]
struct Largest(AtomicU32);

impl Largest {
    // The magnitudes of f32 are in the order of their bits, and a maximum does not depend on the order of its parts.
    fn tell(&self, magnitude: f32) {
        self.0.fetch_max(magnitude.abs().to_bits(), Ordering::Relaxed);
    }

    fn take(&self) -> f32 {
        f32::from_bits(self.0.swap(0, Ordering::Relaxed))
    }
}

impl Clone for Largest {
    fn clone(&self) -> Self {
        Self(AtomicU32::new(self.0.load(Ordering::Relaxed)))
    }
}

/// What is looked at, and what was seen since it was last asked for.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    /// Whether magnitudes are taken.
    pub ranges: bool,
    /// Whether products are checked.
    pub products: bool,
    /// The flip that strikes the step under way.
    pub(super) strike: Option<Strike>,
    places: Vec<Largest>,
    excess: Largest,
}

/// What a [`Watch`] saw of a step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// Largest magnitude after the embedding, each layer and the head; empty where ranges are not taken.
    pub ranges: Vec<f32>,
    /// Largest ratio of a product's error and what rounding explains; 0 where products are not checked.
    pub excess: f32,
}

impl Watch {
    /// Begins a step of a network of `layers`: forgets what was seen.
    pub(super) fn begin(&mut self, layers: usize) {
        self.places.resize_with(if self.ranges { watched(layers) } else { 0 }, Largest::default);
        self.take();
    }

    /// What was seen since the step began.
    pub(super) fn take(&self) -> Seen {
        Seen { ranges: self.places.iter().map(Largest::take).collect(), excess: self.excess.take() }
    }

    /// Looks at `data`, the stream or the logits, at boundary `place`; on the way back there is nothing to look at.
    pub(super) fn range(&self, place: usize, data: &[f32]) {
        if let Some(of_place) = self.places.get(place) {
            of_place.tell(largest_magnitude(data));
        }
    }

    /// Takes note of a checked product.
    pub(super) fn product(&self, excess: f32) {
        self.excess.tell(excess);
    }
}

/// Boundaries of a forward pass through `layers`: after the embedding, each layer and the head.
#[must_use]
pub fn watched(layers: usize) -> usize {
    layers + 2
}

impl Trainer {
    /// The flip that strikes the next step: its place among `targets` by size, every bit alike, its moment evenly drawn. Draws
    /// are those of `draw` from `index` on.
    ///
    /// Sizes are resident bytes; of products, which live in the arithmetic units, the outputs of a step.
    ///
    /// # Panics
    /// If nothing of the targets has a size.
    #[must_use]
    pub fn draw_strike(&self, targets: &[Target], draw: Stream, index: u64) -> (Target, Strike) {
        let sizes: Vec<usize> = targets.iter().map(|target| self.elements(*target)).collect();
        let mut bit = draw.below(32 * sizes.iter().sum::<usize>(), index);
        let mut at = 0;
        while bit >= 32 * sizes[at] {
            bit -= 32 * sizes[at];
            at += 1;
        }
        let pick = |of: usize, number: u64| draw.below(of, index + number);
        let [passes, _, slab] = self.plan().cut();
        let pass = pick(passes, 1);
        let buffer = |region| {
            let phases = [Phase::Start, Phase::Forward { pass }, Phase::Backward { pass }, Phase::Gradients];
            Place::Buffer { region, phase: phases[pick(4, 2)] }
        };
        let place = match targets[at] {
            Target::Weights => buffer(Region::Weights),
            Target::FirstMoment => buffer(Region::FirstMoment),
            Target::SecondMoment => buffer(Region::SecondMoment),
            Target::Gradients => buffer(Region::Gradients),
            Target::Adapters => buffer(Region::Adapters),
            Target::AdapterGradients => buffer(Region::AdapterGradients),
            Target::PackedWeights => Place::Packed,
            Target::Activations => {
                let (chunk, done) = (bit / (32 * slab), pick(2 * watched(self.config().layers), 2));
                bit %= 32 * slab;
                Place::Activations { pass, chunk, done }
            }
            Target::Products => {
                let (place, within) = self.product_at(pass, bit);
                bit = within;
                place
            }
        };
        (targets[at], Strike { place, bit })
    }

    /// Elements of a target.
    fn elements(&self, target: Target) -> usize {
        let buffer = |region| self.buffers().region(region).len();
        match target {
            Target::Weights => buffer(Region::Weights),
            Target::FirstMoment => buffer(Region::FirstMoment),
            Target::SecondMoment => buffer(Region::SecondMoment),
            Target::Gradients => buffer(Region::Gradients),
            Target::Adapters => buffer(Region::Adapters),
            Target::AdapterGradients => buffer(Region::AdapterGradients),
            Target::Activations => buffer(Region::Activations),
            Target::PackedWeights => self.packed().bytes() / 4,
            Target::Products => self.products().map(|(_, len)| len).sum::<usize>() * self.plan().cut()[1],
        }
    }

    /// The products with matrices of the weights in one chunk: (first element of the matrix, forward), and elements of the output.
    fn products(&self) -> impl Iterator<Item = ((usize, bool), usize)> {
        self.packed().matrices().flat_map(|(matrix, [out, input])| {
            let len = |columns| self.plan().product_len(columns);
            [((matrix, true), len(out)), ((matrix, false), len(input))]
        })
    }

    /// The product, and the bit of its output, that bit `bit` of all products of a pass lies in.
    fn product_at(&self, pass: usize, bit: usize) -> (Place, usize) {
        let of_chunk = 32 * self.products().map(|(_, len)| len).sum::<usize>();
        let (chunk, mut bit) = (bit / of_chunk, bit % of_chunk);
        for ((matrix, forward), len) in self.products() {
            if bit < 32 * len {
                return (Place::Product { pass, chunk, matrix, forward }, bit);
            }
            bit -= 32 * len;
        }
        unreachable!("a bit of the chunk")
    }
}
