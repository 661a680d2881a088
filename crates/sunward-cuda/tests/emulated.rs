//! The engine on a device that a processor emulates: the same calls, kernels and places as on a GPU, against the CPU's own steps.
//!
//! `tests/emulator` stands for the driver, the compiler and cuBLAS. What it cannot show: speed, and the rounding of a real device.
//! The libraries are found where the system looks for libraries, so each test runs in a process of its own that looks there.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use sunward_ai::gpt::config::{GptConfig, TrainConfig};
use sunward_ai::gpt::data::{Corpus, Part};
use sunward_ai::gpt::engine::Device;
use sunward_ai::gpt::sample::Sampling;
use sunward_ai::gpt::train::{Phase, Region, Trainer};
use sunward_ai::memo::Forgetful;
use sunward_ai::payload::{Manner, Proxy, TrainingPayload};
use sunward_cuda::{Cuda, Precision};
use sunward_units::Flops;
use sunward_work::payload::{Payload, Upset};

const EMULATED: &str = "SUNWARD_EMULATED_DEVICE";

/// Compiles the emulator's libraries into a new folder.
fn build_emulator(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emulator");
    for library in ["libcuda", "libnvrtc", "libcublas"] {
        let status = Command::new("cc")
            .args(["-O2", "-shared", "-fPIC", "-Wall", "-o"])
            .arg(folder.join(format!("{library}.so")))
            .arg(format!("-DDEVICE_H=\"{}\"", source.join("device.h").display()))
            .arg(format!("-DFOLDER=\"{}\"", folder.display()))
            .arg(source.join("cuda.c"))
            .status()
            .expect("a C compiler, which linking Rust needs too");
        assert!(status.success(), "the emulator compiles");
    }
}

/// Runs `body` in a process that finds the emulated device; `test` is the name of the test that calls.
fn with_device(test: &str, body: impl FnOnce()) {
    if std::env::var_os(EMULATED).is_some() {
        return body();
    }
    let folder: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("emulator-{}", std::process::id()));
    build_emulator(&folder);
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("LD_LIBRARY_PATH", &folder)
        .env(EMULATED, "1")
        .output()
        .unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// Sizes that no tile divides: a vocabulary of its own, 3 heads of 8, an odd batch.
fn trainer() -> Trainer {
    let config = GptConfig { layers: 2, heads: 3, width: 24, context: 20, vocabulary: 45 };
    let settings = TrainConfig { batch: 5, warmup: 2, learning_rate: 3e-3, ..TrainConfig::default() };
    Trainer::new(config, settings, Arc::new(Corpus::generated(20_000, 1))).unwrap()
}

fn on_device(precision: Precision) -> Trainer {
    let mut trainer = trainer();
    let engine = Cuda::open(precision).unwrap().engine(trainer.config(), trainer.settings().batch).unwrap();
    trainer.move_to(engine);
    trainer
}

/// Largest difference of a tensor's elements over the largest magnitude of the expected, over all tensors.
fn worst(trainer: &Trainer, found: &[f32], expected: &[f32]) -> f32 {
    let of = |range: std::ops::Range<usize>| {
        let largest = expected[range.clone()].iter().fold(0.0f32, |most, x| most.max(x.abs()));
        let apart = found[range.clone()].iter().zip(&expected[range]).map(|(a, b)| (a - b).abs());
        apart.fold(0.0, f32::max) / largest
    };
    trainer.layout().tensors.iter().map(|tensor| of(tensor.range.clone())).fold(0.0, f32::max)
}

/// Ten steps here and there: (worst loss, worst gradient of the first step, worst weight after the last), all relative.
fn compared(precision: Precision) -> [f64; 3] {
    let (mut here, mut there) = (trainer(), on_device(precision));
    let mut worst_loss = 0.0f64;
    let mut worst_gradient = 0.0;
    for step in 0..10 {
        let (expected, found) = (here.step(), there.step());
        assert_eq!((found.iteration, found.learning_rate), (expected.iteration, expected.learning_rate));
        worst_loss = worst_loss.max((found.loss / expected.loss - 1.0).abs());
        if step == 0 {
            let gradients = there.engine().unwrap().read(Region::Gradients);
            worst_gradient = worst(&here, &gradients, here.buffers().region(Region::Gradients));
            assert!((found.gradient_norm / expected.gradient_norm - 1.0).abs() < f64::from(worst_gradient));
        }
    }
    let weights = there.engine().unwrap().read(Region::Weights);
    [worst_loss, worst_gradient.into(), worst(&here, &weights, here.buffers().region(Region::Weights)).into()]
}

/// Both round to single precision in different orders.
#[test]
fn single_precision_agrees_with_the_processor() {
    with_device("single_precision_agrees_with_the_processor", || {
        let [loss, gradient, weight] = compared(Precision::F32);
        assert!(loss < 2e-6 && gradient < 1e-5 && weight < 1e-3, "{loss} {gradient} {weight}");
    });
}

/// bf16 keeps 8 bits: 2^-9 = 0.002 of each number, over a dozen roundings.
#[test]
fn brain_floating_point_agrees_as_far_as_it_can() {
    with_device("brain_floating_point_agrees_as_far_as_it_can", || {
        let [loss, gradient, _] = compared(Precision::Bf16);
        assert!(loss < 2e-3 && gradient < 0.03, "{loss} {gradient}");
        assert!(loss > 1e-6, "products are not in bf16");
    });
}

#[test]
fn a_run_evaluates_samples_and_goes_on_from_its_checkpoint_anywhere() {
    with_device("a_run_evaluates_samples_and_goes_on_from_its_checkpoint_anywhere", || {
        let (mut here, mut there) = (trainer(), on_device(Precision::F32));
        (0..3).for_each(|_| _ = (here.step(), there.step()));
        let [expected, found] = [&mut here, &mut there].map(|trainer| trainer.evaluate(Part::Validation, 2));
        assert!((found / expected - 1.0).abs() < 1e-5, "{found} {expected}");
        let sampling = Sampling { temperature: 0.8, top_k: 20, sample: 0, seed: 1 };
        assert_eq!(there.sample("The ", 10, &sampling).unwrap().chars().count(), 10);
        let checkpoint = there.checkpoint();
        let mut again = on_device(Precision::F32);
        again.restore("there", &checkpoint).unwrap();
        let mut elsewhere = trainer();
        elsewhere.restore("there", &checkpoint).unwrap();
        let copied = there.clone();
        let next = there.step();
        assert_eq!(again.step(), next, "the same device gives the same bits");
        assert!((elsewhere.step().loss / next.loss - 1.0).abs() < 2e-6);
        assert!(again.checkpoint() == there.checkpoint());
        assert!(copied.checkpoint() == checkpoint, "a copy is not the run it was made of");
    });
}

#[test]
fn flips_are_felt_where_and_when_they_strike() {
    with_device("flips_are_felt_where_and_when_they_strike", || {
        let unhurt = {
            let mut trainer = on_device(Precision::F32);
            (trainer.step(), trainer.checkpoint())
        };
        for (phase, region) in [
            (Phase::Start, Region::Weights),
            (Phase::Forward { pass: 0 }, Region::Activations),
            (Phase::Gradients, Region::Gradients),
            (Phase::Start, Region::FirstMoment),
            (Phase::Start, Region::SecondMoment),
        ] {
            let mut struck = on_device(Precision::F32);
            let report = struck.step_observed(|now, memory| {
                if now == phase {
                    memory.flip(region, 32 * 100 + 30);
                }
            });
            assert!(struck.checkpoint() != unhurt.1, "{region:?} at {phase:?}");
            assert_eq!(report.loss != unhurt.0.loss, phase == Phase::Start && region == Region::Weights, "{region:?}");
        }
    });
}

const PROXY: Proxy = Proxy {
    job: Flops(6.0),
    unit: Flops(1.0),
    simulated_steps: 6,
    iterations: 6,
    evaluate_interval: 3,
    evaluate_batches: 1,
    sample_tokens: 4,
};

/// A run of 6 steps in step with a simulated job, struck in the third, thrown back from the fourth to the second, then to its end.
fn flown(device: Option<Arc<dyn Device>>) -> (Vec<f64>, String) {
    let manner = Manner { device, ..Manner::default() };
    let mut payload = TrainingPayload::new(trainer(), PROXY, manner, Arc::new(Forgetful), 1);
    let mut losses = Vec::new();
    let mut advance = |payload: &mut TrainingPayload, steps: f64, upsets: &[Upset]| {
        let progress = payload.advance(Flops(steps), upsets).unwrap();
        losses.extend(progress.losses.iter().chain(&progress.validations).map(|loss| loss.value));
    };
    advance(&mut payload, 2.0, &[]);
    let checkpoint = payload.checkpoint();
    advance(&mut payload, 2.0, &[Upset { draw: u64::MAX / 3, memory_corrected: false }]);
    payload.restore(&checkpoint).unwrap();
    advance(&mut payload, 4.0, &[]);
    (losses, payload.proxy().unwrap())
}

#[test]
fn a_job_is_flown_on_the_device_as_on_the_processor() {
    with_device("a_job_is_flown_on_the_device_as_on_the_processor", || {
        let (expected, here) = flown(None);
        let device: Arc<dyn Device> = Arc::new(Cuda::open(Precision::F32).unwrap());
        let (found, there) = flown(Some(Arc::clone(&device)));
        let bits = |losses: &[f64]| losses.iter().map(|loss| loss.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&flown(Some(device)).0), bits(&found));
        assert!(expected.len() >= 8 && expected.len() == found.len());
        assert!(!here.contains("emulated device") && there.contains("(computed by emulated device, f32)"), "{there}");
        // The flip strikes another bit there, as the activations lie otherwise: what follows it is compared after the throw-back.
        let same = |(a, b): (&f64, &f64)| (a / b - 1.0).abs() < 1e-5;
        assert!(expected.iter().zip(&found).take(2).all(same), "{expected:?} {found:?}");
        assert!(expected.iter().rev().zip(found.iter().rev()).take(5).all(same), "{expected:?} {found:?}");
    });
}

#[test]
fn a_device_that_breaks_ends_the_job_with_the_reason() {
    with_device("a_device_that_breaks_ends_the_job_with_the_reason", || {
        let manner = Manner { device: Some(Arc::new(Cuda::open(Precision::Bf16).unwrap())), ..Manner::default() };
        let mut payload = TrainingPayload::new(trainer(), PROXY, manner, Arc::new(Forgetful), 1);
        payload.advance(Flops(1.0), &[]).unwrap();
        let folder = std::env::var("LD_LIBRARY_PATH").unwrap();
        std::fs::write(Path::new(&folder).join("broken"), "").unwrap();
        let error = payload.advance(Flops(1.0), &[]).unwrap_err().to_string();
        assert!(error.starts_with("payload failed: the device that trains failed: embed: "), "{error}");
    });
}

#[test]
fn what_cannot_be_had_is_said() {
    with_device("what_cannot_be_had_is_said", || {
        let device = Cuda::open(Precision::Bf16).unwrap();
        assert_eq!(device.name(), "emulated device, bf16");
        let error = device.engine(&GptConfig::gpt2_small(), 16).unwrap_err().to_string();
        assert!(
            error.starts_with("emulated device: 1")
                && error
                    .ends_with("of free memory are needed, 1073741824 are free; a smaller batch or context needs less"),
            "{error}"
        );
    });
}
