//! NSGA-II for several objectives with constraints.
//!
//! **Source**: Deb, Pratap, Agarwal and Meyarivan 2002, "A fast and elitist multiobjective genetic algorithm: NSGA-II", with its
//! constrained domination (definition 3) and its settings (section IV: crossover 0.9 with index 20, mutation 1/variables with index
//! 20); simulated binary crossover of Deb and Agrawal 1995, polynomial mutation of Deb and Goyal 1996, both cut to the cube.
//! Written here because the crates that hold it draw from their own generators, and bring up to a hundred others with them.

use std::cmp::Ordering;

use sunward_units::random::{Purpose, Stream};

use super::{Candidate, Effort, Search};
use crate::StudyError;
use crate::run::{Control, Observer, Progress};

const CROSSOVER: f64 = 0.9;
const CROSSOVER_INDEX: f64 = 20.0;
const MUTATION_INDEX: f64 = 20.0;

/// The designs of the last generation that no other dominates, and how many were run.
pub(super) fn front(
    search: &Search<'_>,
    effort: &Effort,
    observer: &Observer<'_>,
) -> Result<(Vec<Candidate>, usize), StudyError> {
    let size = effort.population;
    let mut luck = Luck { stream: Stream::new(effort.seed, 0, Purpose::Study), next: 0 };
    let first = (0..size).map(|_| search.factors.iter().map(|_| luck.draw()).collect()).collect();
    let mut population = ranked(search.try_all(first));
    let mut evaluations = size;
    loop {
        let progress = Progress { done: evaluations as u64, of: effort.evaluations as u64, failed: 0 };
        if observer(&progress) == Control::Stop {
            return Err(StudyError::Interrupted { runs: evaluations as u64 });
        }
        if evaluations + size > effort.evaluations {
            break;
        }
        let children = search.try_all(offspring(&population, size, &mut luck));
        evaluations += size;
        let all = population.into_iter().map(|member| member.candidate).chain(children).collect();
        population = ranked(all);
        population.truncate(size);
    }
    let first = population.into_iter().filter(|member| member.rank == 0).map(|member| member.candidate);
    Ok((first.collect(), evaluations))
}

/// Draws, one after another, of one stream.
struct Luck {
    stream: Stream,
    next: u64,
}

impl Luck {
    fn draw(&mut self) -> f64 {
        self.next += 1;
        self.stream.uniform(self.next - 1)
    }

    fn below(&mut self, count: usize) -> usize {
        (self.draw() * count as f64) as usize
    }
}

struct Member {
    candidate: Candidate,
    /// 0 for those that no other dominates, 1 for those that only these dominate, and so on.
    rank: usize,
    /// How far its neighbours on its front are.
    room: f64,
}

/// The candidates, best first: by rank, then by room.
fn ranked(candidates: Vec<Candidate>) -> Vec<Member> {
    let ranks = ranks(&candidates);
    let mut rooms = vec![0.0; candidates.len()];
    for rank in 0..=ranks.iter().copied().max().unwrap_or(0) {
        let front: Vec<usize> = (0..candidates.len()).filter(|&index| ranks[index] == rank).collect();
        add_room(&candidates, &front, &mut rooms);
    }
    let joined = candidates.into_iter().zip(ranks).zip(rooms);
    let mut members: Vec<Member> = joined.map(|((candidate, rank), room)| Member { candidate, rank, room }).collect();
    members.sort_by(|a, b| a.rank.cmp(&b.rank).then(b.room.total_cmp(&a.room)));
    members
}

/// Deb et al. 2002, section III-A.
fn ranks(candidates: &[Candidate]) -> Vec<usize> {
    let count = candidates.len();
    let mut beaten_by = vec![0; count];
    let mut beats = vec![Vec::new(); count];
    for a in 0..count {
        for b in a + 1..count {
            let (winner, loser) = match dominance(&candidates[a], &candidates[b]) {
                Ordering::Less => (a, b),
                Ordering::Greater => (b, a),
                Ordering::Equal => continue,
            };
            beats[winner].push(loser);
            beaten_by[loser] += 1;
        }
    }
    let mut ranks = vec![0; count];
    let mut front: Vec<usize> = (0..count).filter(|&index| beaten_by[index] == 0).collect();
    let mut rank = 0;
    while !front.is_empty() {
        let mut next = Vec::new();
        for &index in &front {
            ranks[index] = rank;
            for &beaten in &beats[index] {
                beaten_by[beaten] -= 1;
                if beaten_by[beaten] == 0 {
                    next.push(beaten);
                }
            }
        }
        (front, rank) = (next, rank + 1);
    }
    ranks
}

/// Less if `a` dominates `b`: it violates the constraints less, or, both keeping to them, is nowhere worse and somewhere better.
fn dominance(a: &Candidate, b: &Candidate) -> Ordering {
    if a.violation != b.violation {
        return a.violation.total_cmp(&b.violation);
    }
    let better = a.scores.iter().zip(&b.scores).any(|(a, b)| a < b);
    let worse = a.scores.iter().zip(&b.scores).any(|(a, b)| a > b);
    match (better, worse) {
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        _ => Ordering::Equal,
    }
}

/// Deb et al. 2002, section III-B: the distance between both neighbours, summed over the objectives; infinite at the ends.
fn add_room(candidates: &[Candidate], front: &[usize], rooms: &mut [f64]) {
    for objective in 0..candidates[front[0]].scores.len() {
        let score = |index: usize| candidates[index].scores[objective];
        let mut order = front.to_vec();
        order.sort_by(|&a, &b| score(a).total_cmp(&score(b)));
        let (least, most) = (order[0], order[order.len() - 1]);
        let range = score(most) - score(least);
        for trio in order.windows(3).filter(|_| range > 0.0) {
            rooms[trio[1]] += (score(trio[2]) - score(trio[0])) / range;
        }
        rooms[least] = f64::INFINITY;
        rooms[most] = f64::INFINITY;
    }
}

fn offspring(population: &[Member], size: usize, luck: &mut Luck) -> Vec<Vec<f64>> {
    let mut children = Vec::with_capacity(size + 1);
    while children.len() < size {
        let (mother, father) = (parent(population, luck), parent(population, luck));
        let parents = [&mother.candidate.place, &father.candidate.place];
        for mut child in crossed(parents[0], parents[1], luck) {
            // A copy would cost a run and tell nothing new.
            loop {
                child = mutated(child, luck);
                if !parents.contains(&&child) {
                    break;
                }
            }
            children.push(child);
        }
    }
    children.truncate(size);
    children
}

/// The better of two; the population is sorted.
fn parent<'a>(population: &'a [Member], luck: &mut Luck) -> &'a Member {
    let (a, b) = (luck.below(population.len()), luck.below(population.len()));
    &population[a.min(b)]
}

fn crossed(mother: &[f64], father: &[f64], luck: &mut Luck) -> [Vec<f64>; 2] {
    let mut children = [mother.to_vec(), father.to_vec()];
    if luck.draw() >= CROSSOVER {
        return children;
    }
    for (index, (&x, &y)) in mother.iter().zip(father).enumerate() {
        let (mixes, u, swaps) = (luck.draw() < 0.5, luck.draw(), luck.draw() < 0.5);
        if !mixes {
            continue;
        }
        let power = 1.0 / (CROSSOVER_INDEX + 1.0);
        let spread = if u <= 0.5 { (2.0 * u).powf(power) } else { (2.0 * (1.0 - u)).powf(-power) };
        let (middle, half) = ((x + y) / 2.0, spread * (y - x) / 2.0 * if swaps { -1.0 } else { 1.0 });
        children[0][index] = (middle - half).clamp(0.0, 1.0);
        children[1][index] = (middle + half).clamp(0.0, 1.0);
    }
    children
}

fn mutated(mut place: Vec<f64>, luck: &mut Luck) -> Vec<f64> {
    let share = 1.0 / place.len() as f64;
    for coordinate in &mut place {
        let (mutates, u) = (luck.draw() < share, luck.draw());
        if mutates {
            let power = 1.0 / (MUTATION_INDEX + 1.0);
            let step = if u < 0.5 { (2.0 * u).powf(power) - 1.0 } else { 1.0 - (2.0 * (1.0 - u)).powf(power) };
            *coordinate = (*coordinate + step).clamp(0.0, 1.0);
        }
    }
    place
}
