use std::cmp::Ordering;
use std::collections::BinaryHeap;

use sunward_units::{Meters, Seconds};

use crate::LinkError;
use crate::constants::SPEED_OF_LIGHT;

/// Time that light in vacuum needs for `distance`: the least latency there is.
#[must_use]
pub fn light_time(distance: Meters) -> Seconds {
    Seconds(distance.0 / SPEED_OF_LIGHT)
}

/// `latency`, unless it is less than light in vacuum needs for `distance`.
///
/// # Errors
/// [`LinkError::FasterThanLight`], with what light needs.
pub fn check_latency(latency: Seconds, distance: Meters) -> Result<Seconds, LinkError> {
    let light_time = light_time(distance);
    // A latency computed as a light time may round below it by a few units in the last place.
    if latency.0 >= light_time.0 * (1.0 - 1e-12) {
        Ok(latency)
    } else {
        Err(LinkError::FasterThanLight { latency, distance, light_time })
    }
}

/// Who is joined to whom: an undirected graph in columns. Latencies stay outside, so that one topology serves every step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    edge_count: usize,
    /// First entry of each node in `neighbors`, and the end: `[node + 1]`.
    offsets: Vec<u32>,
    /// (neighbour, edge), grouped by node: `[2 edge]`.
    neighbors: Vec<(u32, u32)>,
}

impl Topology {
    /// The graph of `nodes` nodes and `edges`.
    ///
    /// # Errors
    /// An edge to a node that is not there, or from a node to itself.
    pub fn new(nodes: u32, edges: &[(u32, u32)]) -> Result<Self, LinkError> {
        let mut offsets = vec![0u32; nodes as usize + 1];
        for (edge, &(from, to)) in edges.iter().enumerate() {
            if from >= nodes || to >= nodes || from == to {
                return Err(LinkError::BadEdge { edge, from, to, nodes });
            }
            offsets[from as usize + 1] += 1;
            offsets[to as usize + 1] += 1;
        }
        for node in 0..nodes as usize {
            offsets[node + 1] += offsets[node];
        }
        let mut next = offsets.clone();
        let mut neighbors = vec![(0, 0); 2 * edges.len()];
        for (edge, &(from, to)) in edges.iter().enumerate() {
            for (node, neighbor) in [(from, to), (to, from)] {
                neighbors[next[node as usize] as usize] = (neighbor, edge as u32);
                next[node as usize] += 1;
            }
        }
        Ok(Self { edge_count: edges.len(), offsets, neighbors })
    }

    /// Number of nodes.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Least latencies from `source` to every node, over `latency` (`[edge]`; infinity closes an edge).
    ///
    /// **Source**: Dijkstra (1959), with a binary heap. Equal latencies are settled by the lower node number, so that a
    /// path never depends on the machine.
    ///
    /// # Panics
    /// A latency for each edge, none negative or NaN; a source inside the graph.
    #[must_use]
    pub fn shortest_paths(&self, latency: &[Seconds], source: u32) -> ShortestPaths {
        assert_eq!(latency.len(), self.edge_count, "a latency for every edge");
        let mut least = vec![Seconds(f64::INFINITY); self.node_count()];
        let mut previous = vec![None; self.node_count()];
        least[source as usize] = Seconds(0.0);
        let mut frontier = BinaryHeap::from([Reached { latency: Seconds(0.0), node: source }]);
        while let Some(Reached { latency: so_far, node }) = frontier.pop() {
            if so_far > least[node as usize] {
                continue;
            }
            let around = self.offsets[node as usize] as usize..self.offsets[node as usize + 1] as usize;
            for &(neighbor, edge) in &self.neighbors[around] {
                let step = latency[edge as usize];
                assert!(step.0 >= 0.0, "latency {step} of edge {edge} is negative or not a number");
                let total = so_far + step;
                if total < least[neighbor as usize] {
                    least[neighbor as usize] = total;
                    previous[neighbor as usize] = Some(node);
                    frontier.push(Reached { latency: total, node: neighbor });
                }
            }
        }
        ShortestPaths { source, latency: least, previous }
    }
}

/// A node on the frontier; the heap's greatest is the one reached soonest.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Reached {
    latency: Seconds,
    node: u32,
}

impl Eq for Reached {}

impl Ord for Reached {
    fn cmp(&self, other: &Self) -> Ordering {
        other.latency.0.total_cmp(&self.latency.0).then(other.node.cmp(&self.node))
    }
}

impl PartialOrd for Reached {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The tree of shortest paths from one node.
#[derive(Debug, Clone, PartialEq)]
pub struct ShortestPaths {
    source: u32,
    latency: Vec<Seconds>,
    previous: Vec<Option<u32>>,
}

impl ShortestPaths {
    /// One-way latency to `node`, or `None` if no path leads there.
    #[must_use]
    pub fn latency(&self, node: u32) -> Option<Seconds> {
        Some(self.latency[node as usize]).filter(|latency| latency.0.is_finite())
    }

    /// The nodes from the source to `node`, both included, or `None` if no path leads there.
    #[must_use]
    pub fn path(&self, node: u32) -> Option<Vec<u32>> {
        self.latency(node)?;
        let mut path: Vec<_> = std::iter::successors(Some(node), |&node| self.previous[node as usize]).collect();
        path.reverse();
        debug_assert_eq!(path[0], self.source);
        Some(path)
    }
}

/// The "+grid" of a Walker constellation: each satellite is joined to the next in its plane and to one in the next plane.
///
/// Satellite `i` of plane `p` has number `p satellites_per_plane + i`.
/// **Source**: Kassing et al. (2020), "Exploring the Internet from space with Hypatia", IMC'20.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlusGrid {
    /// Number of planes.
    pub planes: u32,
    /// Satellites in each.
    pub satellites_per_plane: u32,
    /// Whether the last plane is joined to the first (not across the seam of a Walker star).
    pub seam_joined: bool,
    /// Places by which the number in plane shifts where the last plane meets the first (a Walker delta's phasing).
    pub seam_shift: u32,
}

impl PlusGrid {
    /// The edges, each once.
    #[must_use]
    pub fn edges(&self) -> Vec<(u32, u32)> {
        let Self { planes, satellites_per_plane, .. } = *self;
        let number = |plane: u32, place: u32| plane * satellites_per_plane + place % satellites_per_plane;
        let mut edges = Vec::with_capacity(2 * (planes * satellites_per_plane) as usize);
        for plane in 0..planes {
            let at_seam = plane + 1 == planes;
            let shift = if at_seam { self.seam_shift } else { 0 };
            for place in 0..satellites_per_plane {
                edges.push((number(plane, place), number(plane, place + 1)));
                if !at_seam || self.seam_joined {
                    edges.push((number(plane, place), number((plane + 1) % planes, place + shift)));
                }
            }
        }
        // Two planes, or two satellites in one, meet twice; a single one meets itself.
        edges.retain(|(from, to)| from != to);
        edges.iter_mut().for_each(|edge| *edge = (edge.0.min(edge.1), edge.0.max(edge.1)));
        edges.sort_unstable();
        edges.dedup();
        edges
    }
}

#[cfg(test)]
mod tests {
    use sunward_units::random::{Purpose, Stream};

    use super::*;

    /// A published tool routes San Francisco - London in 9.69 ms. The great circle is 8,616 km and even the chord
    /// through the Earth 7,970 km: light needs 28.7 and 26.6 ms.
    #[test]
    fn no_latency_is_below_light_time() {
        let great_circle = Meters(8_616e3);
        let chord = 2.0 * 6_371e3 * (great_circle.0 / 2.0 / 6_371e3).sin();
        let error = check_latency(Seconds(9.69e-3), great_circle).unwrap_err();
        assert_eq!(error.to_string(), "latency 9.69 ms over 8616 km is faster than light, which takes 28.74 ms");
        assert!(check_latency(Seconds(9.69e-3), Meters(chord)).is_err());
        assert!(check_latency(Seconds(0.029), great_circle).is_ok());
        assert!(check_latency(light_time(great_circle), great_circle).is_ok());
        assert!(check_latency(Seconds(f64::NAN), great_circle).is_err());
    }

    /// Earth to Moon and back at 384,400 km: 2.564 s.
    #[test]
    fn light_to_the_moon_and_back() {
        assert!((2.0 * light_time(Meters(384_400e3)).0 - 2.564).abs() < 5e-4);
    }

    fn random_graph(seed: u64, nodes: u32) -> (Vec<(u32, u32)>, Vec<Seconds>) {
        let stream = Stream::new(seed, nodes, Purpose::Study);
        let pick = |index: u64| (stream.uniform(index) * f64::from(nodes)) as u32;
        let edges: Vec<_> =
            (0..2 * u64::from(nodes)).map(|e| (pick(3 * e), pick(3 * e + 1))).filter(|(a, b)| a != b).collect();
        // Latencies in whole milliseconds, so that ties occur.
        let latency =
            (0..edges.len() as u64).map(|e| Seconds((stream.uniform(3 * e + 2) * 9.0).floor() * 1e-3)).collect();
        (edges, latency)
    }

    /// Oracle: Floyd and Warshall over all pairs, against Dijkstra from each node.
    #[test]
    fn dijkstra_equals_floyd_warshall() {
        for seed in 0..20 {
            let nodes = 5 + seed as u32;
            let (edges, latency) = random_graph(seed, nodes);
            let n = nodes as usize;
            let mut all = vec![vec![f64::INFINITY; n]; n];
            (0..n).for_each(|node| all[node][node] = 0.0);
            for (&(a, b), latency) in edges.iter().zip(&latency) {
                let least = all[a as usize][b as usize].min(latency.0);
                all[a as usize][b as usize] = least;
                all[b as usize][a as usize] = least;
            }
            for via in 0..n {
                let onward = all[via].clone();
                for row in &mut all {
                    let to_via = row[via];
                    row.iter_mut().zip(&onward).for_each(|(direct, rest)| *direct = direct.min(to_via + rest));
                }
            }
            let topology = Topology::new(nodes, &edges).unwrap();
            for (from, row) in all.iter().enumerate() {
                let paths = topology.shortest_paths(&latency, from as u32);
                for (to, expected) in row.iter().enumerate() {
                    let got = paths.latency(to as u32).map_or(f64::INFINITY, |latency| latency.0);
                    assert!(got == *expected || (got - expected).abs() < 1e-12, "{got} from {from} to {to}");
                    assert_eq!(paths.path(to as u32).is_some(), expected.is_finite());
                }
            }
        }
    }

    #[test]
    fn a_path_is_its_latency_and_no_faster_than_the_straight_line() {
        let stream = Stream::new(3, 0, Purpose::Study);
        let at = |node: u32| [0, 1, 2].map(|axis| 1e7 * stream.uniform(u64::from(3 * node + axis)));
        let distance =
            |a: u32, b: u32| Meters((0..3).map(|axis| (at(a)[axis] - at(b)[axis]).powi(2)).sum::<f64>().sqrt());
        let (edges, _) = random_graph(3, 40);
        let latency: Vec<_> = edges.iter().map(|&(a, b)| light_time(distance(a, b))).collect();
        let paths = Topology::new(40, &edges).unwrap().shortest_paths(&latency, 0);
        let mut reached = 0;
        for node in 0..40 {
            let Some(path) = paths.path(node) else { continue };
            let along: f64 = path.windows(2).map(|pair| light_time(distance(pair[0], pair[1])).0).sum();
            assert!((along - paths.latency(node).unwrap().0).abs() < 1e-12);
            assert!(check_latency(paths.latency(node).unwrap(), distance(0, node)).is_ok());
            reached += 1;
        }
        assert!(reached > 20, "{reached} nodes reached");
    }

    #[test]
    fn an_infinite_latency_closes_an_edge() {
        let topology = Topology::new(3, &[(0, 1), (1, 2)]).unwrap();
        let paths = topology.shortest_paths(&[Seconds(1.0), Seconds(f64::INFINITY)], 0);
        assert_eq!((paths.latency(1), paths.latency(2), paths.path(2)), (Some(Seconds(1.0)), None, None));
        assert_eq!(paths.path(0), Some(vec![0]));
    }

    #[test]
    fn plus_grid_joins_each_to_four() {
        let grid = PlusGrid { planes: 6, satellites_per_plane: 11, seam_joined: true, seam_shift: 2 };
        let degree = |edges: &[(u32, u32)], node| edges.iter().filter(|edge| edge.0 == node || edge.1 == node).count();
        let edges = grid.edges();
        assert_eq!(edges.len(), 2 * 66);
        assert!((0..66).all(|node| degree(&edges, node) == 4));
        assert!(edges.contains(&(2, 55)), "place 0 of the last plane meets place 2 of the first");
        let star = PlusGrid { seam_joined: false, ..grid }.edges();
        assert_eq!(star.len(), 2 * 66 - 11);
        assert_eq!((degree(&star, 0), degree(&star, 30), degree(&star, 60)), (3, 4, 3));
        let pair = PlusGrid { planes: 1, satellites_per_plane: 2, seam_joined: true, seam_shift: 0 };
        assert_eq!(pair.edges(), [(0, 1)]);
    }

    #[test]
    fn bad_edges_are_refused() {
        let error = Topology::new(2, &[(0, 1), (1, 2)]).unwrap_err();
        assert_eq!(error.to_string(), "edge 1 joins node 1 to node 2; expected two different nodes below 2");
        assert!(Topology::new(2, &[(1, 1)]).is_err());
    }

    #[test]
    #[should_panic(expected = "is negative or not a number")]
    fn a_negative_latency_is_a_bug() {
        let _ = Topology::new(2, &[(0, 1)]).unwrap().shortest_paths(&[Seconds(-1.0)], 0);
    }
}
