use std::cmp::Reverse;
use std::collections::BTreeMap;

use sunward_units::Bits;

use crate::LinkError;
use crate::error::require;

/// Largest transfer: a quarter of what 64 bits count.
const TRANSFER_MAX_BITS: f64 = (u64::MAX / 4) as f64;

/// A transfer's number in its queue, in the order in which transfers were queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransferId(pub u64);

/// Data that waits for a link.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transfer<T> {
    /// Its number.
    pub id: TransferId,
    /// Higher goes first.
    pub priority: u8,
    /// All of it.
    pub size: Bits,
    /// What has not been carried yet.
    pub remaining: Bits,
    /// When it was queued.
    pub queued_at: T,
}

/// A transfer whose last bit has been sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Delivery<T> {
    /// Its number.
    pub id: TransferId,
    /// All of it.
    pub size: Bits,
    /// When it was queued.
    pub queued_at: T,
    /// When its last bit left; the receiver has it a light time later.
    pub sent_at: T,
}

/// What one use of a link carried.
#[derive(Debug, Clone, PartialEq)]
pub struct Carried<T> {
    /// Bits taken from the queue.
    pub bits: Bits,
    /// Transfers thereby finished, in the order in which they finished.
    pub completed: Vec<Delivery<T>>,
}

#[derive(Debug, Clone, Copy)]
struct Waiting<T> {
    size: u64,
    remaining: u64,
    queued_at: T,
}

/// Data waiting at one end of a link: highest priority first, then in the order queued. A later transfer of higher
/// priority overtakes one half sent, which then goes on where it stopped.
///
/// `T` is the caller's instant. Bits are counted as integers: `queued = delivered + remaining` holds exactly and is
/// asserted after each change, also in release. As [`Bits`] a count above 2^53 is rounded; [`TransferQueue::queued_bits`] and
/// its like are exact.
///
/// **Not modelled**: packets lost and sent again, headers (both belong to the link's rate), a bound on the store.
#[derive(Debug, Clone)]
pub struct TransferQueue<T> {
    waiting: BTreeMap<(Reverse<u8>, u64), Waiting<T>>,
    next: u64,
    queued_bits: u128,
    delivered_bits: u128,
    remaining_bits: u128,
}

impl<T: Copy> Default for TransferQueue<T> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), next: 0, queued_bits: 0, delivered_bits: 0, remaining_bits: 0 }
    }
}

impl<T: Copy> TransferQueue<T> {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Queues `size` bits (a fraction of a bit counts as one) and returns the transfer's number.
    ///
    /// # Errors
    /// A size that is not above zero, or above 2^62 bit (576 PB).
    pub fn push(&mut self, size: Bits, priority: u8, now: T) -> Result<TransferId, LinkError> {
        require("transfer size", size, size.0 > 0.0 && size.0 <= TRANSFER_MAX_BITS, "(0, 2^62 bit]")?;
        let (size, sequence) = (size.0.ceil() as u64, self.next);
        self.waiting.insert((Reverse(priority), sequence), Waiting { size, remaining: size, queued_at: now });
        self.next += 1;
        self.queued_bits += u128::from(size);
        self.remaining_bits += u128::from(size);
        self.assert_conserved();
        Ok(TransferId(sequence))
    }

    /// Sends up to `capacity` bits (whole ones) at `now`.
    ///
    /// # Panics
    /// A capacity that is negative or NaN.
    pub fn carry(&mut self, capacity: Bits, now: T) -> Carried<T> {
        assert!(capacity.0 >= 0.0, "capacity {capacity} is negative or not a number");
        let granted = capacity.0.floor() as u64;
        let mut left = granted;
        let mut completed = Vec::new();
        while left > 0 {
            let Some(mut first) = self.waiting.first_entry() else { break };
            let sent = left.min(first.get().remaining);
            first.get_mut().remaining -= sent;
            left -= sent;
            if first.get().remaining == 0 {
                let ((_, sequence), done) = first.remove_entry();
                let (id, size) = (TransferId(sequence), Bits(done.size as f64));
                completed.push(Delivery { id, size, queued_at: done.queued_at, sent_at: now });
            }
        }
        let sent = granted - left;
        self.delivered_bits += u128::from(sent);
        self.remaining_bits -= u128::from(sent);
        self.assert_conserved();
        Carried { bits: Bits(sent as f64), completed }
    }

    /// All that was ever queued; rounded above 2^53 bit.
    #[must_use]
    pub fn queued(&self) -> Bits {
        Bits(self.queued_bits as f64)
    }

    /// All that was ever carried, unfinished transfers included; rounded above 2^53 bit.
    #[must_use]
    pub fn delivered(&self) -> Bits {
        Bits(self.delivered_bits as f64)
    }

    /// What still waits; rounded above 2^53 bit.
    #[must_use]
    pub fn remaining(&self) -> Bits {
        Bits(self.remaining_bits as f64)
    }

    /// [`Self::queued`], exactly.
    #[must_use]
    pub fn queued_bits(&self) -> u128 {
        self.queued_bits
    }

    /// [`Self::delivered`], exactly.
    #[must_use]
    pub fn delivered_bits(&self) -> u128 {
        self.delivered_bits
    }

    /// [`Self::remaining`], exactly.
    #[must_use]
    pub fn remaining_bits(&self) -> u128 {
        self.remaining_bits
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The waiting transfers, in the order in which they will be sent.
    pub fn waiting(&self) -> impl Iterator<Item = Transfer<T>> + '_ {
        self.waiting.iter().map(|(&(Reverse(priority), sequence), waiting)| Transfer {
            id: TransferId(sequence),
            priority,
            size: Bits(waiting.size as f64),
            remaining: Bits(waiting.remaining as f64),
            queued_at: waiting.queued_at,
        })
    }

    fn assert_conserved(&self) {
        let (queued, delivered, remaining) = (self.queued_bits, self.delivered_bits, self.remaining_bits);
        assert_eq!(queued, delivered + remaining, "bits queued must equal bits delivered and remaining");
        assert_eq!(self.waiting.is_empty(), remaining == 0, "{remaining} bits remain in an empty queue");
    }
}

#[cfg(test)]
mod tests {
    use sunward_units::random::{Purpose, Stream};

    use super::*;

    fn ids(carried: &Carried<u32>) -> Vec<u64> {
        carried.completed.iter().map(|delivery| delivery.id.0).collect()
    }

    #[test]
    fn priority_goes_first_then_the_order_queued() {
        let mut queue = TransferQueue::new();
        for (size, priority) in [(100.0, 1), (100.0, 9), (100.0, 9), (50.0, 5)] {
            queue.push(Bits(size), priority, 0).unwrap();
        }
        assert_eq!(queue.waiting().map(|transfer| transfer.id.0).collect::<Vec<_>>(), [1, 2, 3, 0]);
        let first = queue.carry(Bits(150.0), 7);
        assert_eq!((ids(&first), first.bits), (vec![1], Bits(150.0)));
        assert_eq!(first.completed[0], Delivery { id: TransferId(1), size: Bits(100.0), queued_at: 0, sent_at: 7 });
        assert_eq!(ids(&queue.carry(Bits(1e9), 8)), [2, 3, 0]);
        assert!(queue.is_empty());
    }

    #[test]
    fn an_overtaken_transfer_goes_on_where_it_stopped() {
        let mut queue = TransferQueue::new();
        let slow = queue.push(Bits(100.0), 1, 0).unwrap();
        queue.carry(Bits(60.0), 1);
        let urgent = queue.push(Bits(30.0), 2, 1).unwrap();
        assert_eq!(ids(&queue.carry(Bits(30.0), 2)), [urgent.0]);
        let rest: Vec<_> = queue.waiting().map(|transfer| (transfer.id, transfer.remaining)).collect();
        assert_eq!(rest, [(slow, Bits(40.0))]);
        assert_eq!(queue.carry(Bits(1e6), 3).bits, Bits(40.0), "no more is carried than waits");
    }

    /// Random sizes, priorities and capacities: what was queued is what was delivered and what remains, bit by bit, and
    /// every transfer arrives once, whole.
    #[test]
    fn no_bit_is_created_or_lost() {
        let stream = Stream::new(1, 0, Purpose::Study);
        let (mut queue, mut pushed, mut arrived) = (TransferQueue::new(), Vec::new(), Vec::new());
        let mut carried = 0.0;
        for step in 0..2_000u64 {
            if stream.uniform(3 * step) < 0.6 {
                let size = (stream.uniform(3 * step + 1) * 1e9).ceil();
                queue.push(Bits(size), (step % 9) as u8, step).unwrap();
                pushed.push(size);
            }
            let capacity = stream.uniform(3 * step + 2) * 5e8;
            let out = queue.carry(Bits(capacity), step);
            assert!(out.bits.0 <= capacity);
            carried += out.bits.0;
            arrived.extend(out.completed);
            let waiting: f64 = queue.waiting().map(|transfer| transfer.remaining.0).sum();
            assert_eq!((queue.delivered().0, queue.remaining().0), (carried, waiting));
            assert_eq!(queue.queued().0, pushed.iter().sum::<f64>());
        }
        arrived.extend(queue.carry(Bits(1e15), 9_999).completed);
        arrived.sort_by_key(|delivery| delivery.id);
        assert_eq!(arrived.len(), pushed.len());
        assert!(
            arrived.iter().enumerate().all(|(n, delivery)| delivery.id.0 == n as u64 && delivery.size.0 == pushed[n])
        );
        assert!(arrived.iter().all(|delivery| delivery.sent_at >= delivery.queued_at));
    }

    /// Sums beyond 64 bits, sizes beyond what a float counts: still every bit.
    #[test]
    fn very_large_transfers_are_counted_bit_by_bit() {
        let mut queue = TransferQueue::new();
        let large = 2f64.powi(62);
        for _ in 0..5 {
            queue.push(Bits(large), 1, 0).unwrap();
        }
        queue.push(Bits(1.0), 9, 0).unwrap();
        assert_eq!(queue.queued_bits(), 5 * (1 << 62) + 1);
        assert_eq!(queue.carry(Bits(large), 1).completed.len(), 1);
        assert_eq!((queue.delivered_bits(), queue.remaining_bits()), (1 << 62, 4 * (1 << 62) + 1));
        while !queue.is_empty() {
            assert!(!queue.carry(Bits(f64::INFINITY), 2).completed.is_empty());
        }
        assert_eq!((queue.delivered_bits(), queue.remaining_bits()), (queue.queued_bits(), 0));
    }

    #[test]
    fn a_fraction_of_a_bit_is_a_bit_to_send_and_none_to_carry() {
        let mut queue = TransferQueue::new();
        queue.push(Bits(10.2), 1, 0).unwrap();
        assert_eq!(queue.queued(), Bits(11.0));
        assert_eq!(queue.carry(Bits(0.9), 1).bits, Bits(0.0));
        assert_eq!(queue.carry(Bits(11.9), 1).bits, Bits(11.0));
    }

    #[test]
    fn sizes_that_are_no_sizes_are_refused() {
        let mut queue = TransferQueue::new();
        for size in [0.0, -1.0, f64::NAN, f64::INFINITY, 4.7e18] {
            assert!(queue.push(Bits(size), 1, 0).is_err(), "{size}");
        }
        let error = queue.push(Bits(-8.0), 1, 0).unwrap_err();
        assert_eq!(error.to_string(), "transfer size -8 bit is outside (0, 2^62 bit]");
        assert!(queue.is_empty() && queue.queued() == Bits(0.0));
    }

    #[test]
    #[should_panic(expected = "negative or not a number")]
    fn a_negative_capacity_is_a_bug() {
        let _ = TransferQueue::<u32>::new().carry(Bits(-1.0), 0);
    }
}
