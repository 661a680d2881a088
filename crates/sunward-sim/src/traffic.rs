//! One site's data traffic: queues up and down, carried only through slots that a station gave, at the rate the link allows.

use std::collections::BTreeMap;

use sunward_astro::time::{Instant, Span};
use sunward_link::{SPEED_OF_LIGHT, TransferQueue};
use sunward_units::{Bits, BitsPerSecond, Meters, Seconds};

use crate::job::Item;

/// Data waiting on one side of a site's links, highest priority first.
#[derive(Default)]
pub(crate) struct Queue {
    queue: TransferQueue<Instant>,
    items: BTreeMap<u64, Item>,
    /// When the first bit of an item that is still waiting was sent.
    begun: BTreeMap<u64, Instant>,
}

/// A piece of data that has arrived at the other end.
pub(crate) struct Arrival {
    pub(crate) item: Item,
    /// First bit sent.
    pub(crate) begin: Instant,
    /// Last bit received.
    pub(crate) end: Instant,
    pub(crate) light: Span,
}

/// The part of a slot that falls into a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opening {
    pub(crate) begin: Instant,
    pub(crate) end: Instant,
    pub(crate) range: Meters,
    pub(crate) rate: BitsPerSecond,
}

impl Queue {
    /// Queues an item; one of no size is not queued and handed back.
    pub(crate) fn push(&mut self, item: Item, priority: u8) -> Option<Item> {
        if item.size.0 <= 0.0 {
            return Some(item);
        }
        match self.queue.push(item.size, priority, item.ready) {
            Ok(id) => {
                self.items.insert(id.0, item);
                None
            }
            Err(error) => panic!("{} of job {} cannot be queued: {error}", item.size, item.job),
        }
    }

    pub(crate) fn remaining(&self) -> Bits {
        self.queue.remaining()
    }

    /// All bits ever queued, those carried, and those waiting: to the bit.
    pub(crate) fn count(&self) -> [u128; 3] {
        [self.queue.queued_bits(), self.queue.delivered_bits(), self.queue.remaining_bits()]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Sends what fits through an opening. Returns the bits carried and the items that thereby arrived, each at its own instant.
    pub(crate) fn carry(&mut self, opening: &Opening) -> (Bits, Vec<Arrival>) {
        let capacity = opening.rate * (opening.end - opening.begin).seconds();
        let light = Span::from_seconds(Seconds(opening.range.0 / SPEED_OF_LIGHT));
        let mut ends = Vec::new();
        let mut before = 0.0;
        for transfer in self.queue.waiting() {
            before += transfer.remaining.0;
            if before > capacity.0 {
                break;
            }
            ends.push(opening.begin + Span::from_seconds(Seconds(before / opening.rate.0)) + light);
        }
        let carried = self.queue.carry(capacity, opening.begin);
        let arrival = |(done, end): (&sunward_link::Delivery<Instant>, Instant)| {
            let item = self.items.remove(&done.id.0).expect("every queued transfer has its item");
            let begin = self.begun.remove(&done.id.0).unwrap_or(opening.begin);
            Arrival { item, begin, end, light }
        };
        assert!(carried.completed.len() <= ends.len(), "more items arrived than fit");
        let arrivals = carried.completed.iter().zip(ends).map(arrival).collect();
        if let Some(first) = self.queue.waiting().next().filter(|first| first.remaining < first.size) {
            self.begun.entry(first.id.0).or_insert(opening.begin);
        }
        (carried.bits, arrivals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Cargo;

    fn item(bits: f64) -> Item {
        Item { job: 0, cargo: Cargo::Result, size: Bits(bits), ready: Instant(0) }
    }

    fn opening(seconds: i64, rate: f64) -> Opening {
        let begin = Instant(0);
        Opening {
            begin,
            end: begin + Span(seconds * 1_000_000_000),
            range: Meters(SPEED_OF_LIGHT / 100.0),
            rate: BitsPerSecond(rate),
        }
    }

    #[test]
    fn an_item_arrives_when_its_last_bit_does_and_light_takes_its_time() {
        let mut queue = Queue::default();
        queue.push(item(500.0), 5);
        queue.push(item(300.0), 9);
        let (bits, arrivals) = queue.carry(&opening(10, 100.0));
        assert_eq!(bits, Bits(800.0));
        let ends: Vec<f64> = arrivals.iter().map(|a| (a.end - Instant(0)).seconds().0).collect();
        assert_eq!(ends, vec![3.01, 8.01], "the one of higher priority first, 10 ms of light each");
    }

    #[test]
    fn what_does_not_fit_waits_for_the_next_opening() {
        let mut queue = Queue::default();
        queue.push(item(1500.0), 5);
        assert!(queue.carry(&opening(10, 100.0)).1.is_empty());
        assert_eq!(queue.remaining(), Bits(500.0));
        let (bits, arrivals) = queue.carry(&opening(10, 100.0));
        assert_eq!((bits, arrivals.len()), (Bits(500.0), 1));
        assert!(((arrivals[0].end - Instant(0)).seconds().0 - 5.01).abs() < 1e-9);
    }

    #[test]
    fn nothing_of_no_size_is_sent() {
        assert_eq!(Queue::default().push(item(0.0), 5), Some(item(0.0)));
    }
}
