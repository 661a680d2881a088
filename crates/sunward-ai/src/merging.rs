//! Byte-pair merging, which the vocabularies of GPT-2 and Gemma share: of all neighbours the pair of the earliest rule is merged first,
//! the leftmost of equals.
//!
//! A queue of candidates takes n log n for n symbols; words of a hundred thousand characters occur (spaces, encoded data).
//!
//! **Source**: Sennrich, Haddow and Birch, "Neural machine translation of rare words with subword units", 2016, algorithm 1.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// (left, right) to (order of the rule, what they become).
pub(crate) type Merges = HashMap<(u32, u32), (u32, u32)>;

/// `symbols` with all merges made.
pub(crate) fn merged(symbols: Vec<u32>, merges: &Merges) -> Vec<u32> {
    let mut symbols = Symbols::new(symbols);
    for left in 0..symbols.ids.len() {
        symbols.offer(merges, left);
    }
    while let Some(Reverse((_, left, pair, sum))) = symbols.queue.pop() {
        if symbols.pair(left) == Some(pair) {
            symbols.join(left, sum);
            if let Some(before) = symbols.before[left] {
                symbols.offer(merges, before);
            }
            symbols.offer(merges, left);
        }
    }
    symbols.ids.into_iter().flatten().collect()
}

/// A pair that may be merged: (order of the rule, place of its left side, the pair, what it becomes).
type Candidate = Reverse<(u32, usize, (u32, u32), u32)>;

/// The symbols of a text while they are merged: a list linked both ways, and the pairs that have a rule.
struct Symbols {
    /// The symbol at each place; none where it was merged into an earlier one.
    ids: Vec<Option<u32>>,
    before: Vec<Option<usize>>,
    after: Vec<usize>,
    queue: BinaryHeap<Candidate>,
}

impl Symbols {
    fn new(symbols: Vec<u32>) -> Self {
        let count = symbols.len();
        Self {
            ids: symbols.into_iter().map(Some).collect(),
            before: (0..count).map(|place| place.checked_sub(1)).collect(),
            after: (1..=count).collect(),
            queue: BinaryHeap::new(),
        }
    }

    /// The symbols at `left` and after it.
    fn pair(&self, left: usize) -> Option<(u32, u32)> {
        Some((self.ids[left]?, (*self.ids.get(self.after[left])?)?))
    }

    fn offer(&mut self, merges: &Merges, left: usize) {
        let Some(pair) = self.pair(left) else { return };
        if let Some((rank, sum)) = merges.get(&pair) {
            self.queue.push(Reverse((*rank, left, pair, *sum)));
        }
    }

    fn join(&mut self, left: usize, sum: u32) {
        let right = self.after[left];
        self.ids[left] = Some(sum);
        self.ids[right] = None;
        self.after[left] = self.after[right];
        if let Some(before) = self.before.get_mut(self.after[right]) {
            *before = Some(left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same by looking at all neighbours before each merge.
    fn plain(mut symbols: Vec<u32>, merges: &Merges) -> Vec<u32> {
        loop {
            let pairs = symbols.windows(2).enumerate();
            let best =
                pairs.filter_map(|(at, pair)| merges.get(&(pair[0], pair[1])).map(|(rank, sum)| (*rank, at, *sum)));
            let Some((_, at, sum)) = best.min() else { return symbols };
            symbols.splice(at..at + 2, [sum]);
        }
    }

    #[test]
    fn the_queue_merges_as_the_plain_search_does() {
        use sunward_units::random::{Purpose, Stream};
        for seed in 0..40 {
            let draw = Stream::new(seed, 0, Purpose::Corpus);
            // Thirty rules over four first symbols, each of which makes a new symbol of two earlier ones.
            let rule = |rank: u32| {
                let symbol = |side| draw.below(4 + rank as usize, u64::from(2 * rank) + side) as u32;
                ((symbol(0), symbol(1)), (rank, 4 + rank))
            };
            let mut merges = Merges::new();
            (0..30).map(rule).for_each(|(pair, sum)| {
                merges.entry(pair).or_insert(sum);
            });
            let symbols: Vec<u32> = (0..200).map(|at| draw.below(4, 1000 + at) as u32).collect();
            assert_eq!(merged(symbols.clone(), &merges), plain(symbols, &merges), "seed {seed}");
        }
    }

    #[test]
    fn a_word_of_a_million_symbols_is_merged() {
        let merges = Merges::from([((0, 0), (0, 1)), ((1, 1), (1, 2))]);
        assert_eq!(merged(vec![0; 1_000_003], &merges), [vec![2; 250_000], vec![1, 0]].concat());
    }
}
