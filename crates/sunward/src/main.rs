//! The `sunward` command line: data on stdout, talk and progress on stderr; exit codes 0 done, 1 failed, 2 bad input.

mod breakeven;
mod catalog;
mod chat;
mod claim;
mod comparison;
mod data;
mod fetch;
mod findings;
mod fly;
mod input;
mod models;
mod oem;
mod optimize;
mod side_by_side;
mod slurm;
mod spread;
mod study;
mod study_folder;
mod study_page;
mod twin_column;
mod upsets;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use miette::MietteHandlerOpts;

/// Design, fly and operate AI data centers in orbit.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Simulate a mission in time and leave a record and a report.
    Fly(fly::Options),
    /// Read a mission and list all its faults, without flying it.
    Check {
        /// Mission file.
        mission: PathBuf,
        /// Faults as JSON on stdout.
        #[arg(long)]
        json: bool,
    },
    /// Fly missions with modelled work, or evaluate published models, and put the same numbers side by side.
    Compare(study::CompareOptions),
    /// Fly a mission many times with values that are uncertain: bands, tornado, Sobol indices. Resumable.
    Sweep(study::SweepOptions),
    /// Find where one value brings a number of a mission to another value, or to that of another mission.
    Breakeven(breakeven::Options),
    /// Search for the design that serves best, or for all that none beats, under constraints. Resumable.
    Optimize(optimize::Options),
    /// Check published claims against the physics and the published prices: holds, fails or depends, with the working.
    Claim(claim::Options),
    /// Evaluate a published cost model on any of its inputs: every output, all digits.
    Model(models::Options),
    /// Talk to a Gemma model in a local folder: a line in, an answer out.
    Chat(chat::Options),
    /// Fetch texts to train on.
    Data(data::Options),
    /// Flip thousands of bits in a training run and in served text: what they did, and what the defences found. Resumable.
    Upsets(upsets::Options),
    /// List parts with value, source and range.
    Catalog(catalog::Options),
    /// Print a satellite's ephemeris as a CCSDS orbit ephemeris message (OEM).
    Oem(oem::Options),
    /// Print the JSON schema of mission files, for editors.
    Schema,
}

/// Why a command ends without success.
enum Failure {
    /// The input is at fault: exit code 2.
    Input(miette::Report),
    /// The run failed: exit code 1.
    Run(miette::Report),
}

impl Failure {
    fn input(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Input(miette::Report::from_err(error))
    }
    fn run(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Run(miette::Report::from_err(error))
    }
}

fn main() -> ExitCode {
    if !io::stderr().is_terminal() {
        // Whoever reads a file or a pipe looks for whole lines. A hook set before is not ours to replace, and there is none.
        let _ = miette::set_hook(Box::new(|_| Box::new(MietteHandlerOpts::new().wrap_lines(false).build())));
    }
    let outcome = match Cli::parse().command {
        Command::Fly(options) => fly::fly(&options),
        Command::Check { mission, json } => input::check(&mission, json),
        Command::Compare(options) => study::compare(&options),
        Command::Sweep(options) => study::sweep(&options),
        Command::Breakeven(options) => breakeven::breakeven(&options),
        Command::Optimize(options) => optimize::optimize(&options),
        Command::Claim(options) => claim::claim(&options),
        Command::Model(options) => models::model(&options),
        Command::Chat(options) => chat::chat(&options),
        Command::Data(options) => data::data(&options),
        Command::Upsets(options) => upsets::upsets(&options),
        Command::Catalog(options) => catalog::catalog(&options),
        Command::Oem(options) => oem::oem(&options),
        Command::Schema => input::schema(),
    };
    let (code, report) = match outcome {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Run(report)) => (1, report),
        Err(Failure::Input(report)) => (2, report),
    };
    eprintln!("{report:?}");
    ExitCode::from(code)
}
