//! What the two benchmarks of one day share: two threads, timing, and the peer.

use std::process::Command;
use std::time::Instant as Clock;

/// Best of five runs, s.
pub(crate) fn best<T>(mut work: impl FnMut() -> T) -> (f64, T) {
    let mut run = || {
        let start = Clock::now();
        let result = work();
        (start.elapsed().as_secs_f64(), result)
    };
    let first = run();
    (1..5).map(|_| run()).fold(first, |best, next| if next.0 < best.0 { next } else { best })
}

/// `work(0..count)` on two threads, in chunks of eight; results in order.
pub(crate) fn on_two_threads<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let numbers: Vec<usize> = (0..count).collect();
    let mut halves: [Vec<(usize, T)>; 2] = std::thread::scope(|scope| {
        [0, 1]
            .map(|half| {
                let (numbers, work) = (&numbers, &work);
                scope.spawn(move || {
                    let chunks = numbers.chunks(8).skip(half).step_by(2);
                    chunks.flatten().map(|&number| (number, work(number))).collect()
                })
            })
            .map(|thread| thread.join().expect("a thread that ends"))
    });
    let mut all: Vec<(usize, T)> = halves.iter_mut().flat_map(std::mem::take).collect();
    all.sort_by_key(|(number, _)| *number);
    all.into_iter().map(|(_, result)| result).collect()
}

/// Runs a script of benches/peers by the Python named in SUNWARD_PYTHON and prints each of its lines `NAME SECONDS COUNT` with
/// the ratio to ours.
pub(crate) fn peers(script: &str, ours_s: f64) {
    let Ok(python) = std::env::var("SUNWARD_PYTHON") else {
        println!("peers: not run; set SUNWARD_PYTHON to a Python with the packages that benches/peers/{script} names");
        return;
    };
    let path = format!("{}/benches/peers/{script}", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(python).arg(path).output().expect("a Python to run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let seconds: f64 = words[1].parse().expect("seconds");
        println!("peer {}: {seconds:.3} s, {} found, {:.0} x ours", words[0], words[2], seconds / ours_s);
    }
}
