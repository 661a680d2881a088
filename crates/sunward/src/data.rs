//! `sunward data`: texts to train on, fetched from where they are public.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use serde_json::json;

use crate::Failure;
use crate::fetch::{FetchError, Fetched, Source, fetch};
use crate::input::{print_json, print_text};
use crate::models::hint;

/// The folder in which texts are kept.
const FOLDER: &str = "data";

#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the texts that can be fetched.
    List {
        /// As JSON on stdout.
        #[arg(long)]
        json: bool,
    },
    /// Fetch a text over HTTPS and check it; what a broken connection left is gone on from.
    Pull(PullOptions),
}

#[derive(Args)]
struct PullOptions {
    /// Its name: see `sunward data list`.
    name: String,
    /// Where to put it; by default data/NAME.txt.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Where to fetch it from, instead of its public place: a mirror.
    #[arg(long)]
    url: Option<String>,
    /// What was done as JSON on stdout.
    #[arg(long)]
    json: bool,
    /// No progress on stderr.
    #[arg(long)]
    quiet: bool,
}

/// A text that can be fetched.
#[derive(Debug, Clone, Copy, Serialize)]
struct Text {
    name: &'static str,
    holds: &'static str,
    licence: &'static str,
    url: &'static str,
    bytes: u64,
    sha256: &'static str,
}

const TEXTS: [Text; 1] = [Text {
    name: "shakespeare",
    holds: "40,000 lines of Shakespeare's plays (tiny Shakespeare, Karpathy 2015)",
    licence: "public domain",
    url: "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
    bytes: 1_115_394,
    sha256: "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
}];

/// No text has that name.
#[derive(Debug, thiserror::Error)]
#[error("no text is named {name:?}{hint}")]
struct UnknownText {
    name: String,
    hint: String,
}

pub(crate) fn data(options: &Options) -> Result<(), Failure> {
    match &options.action {
        Action::List { json } => list(*json),
        Action::Pull(options) => pull(options),
    }
}

fn list(as_json: bool) -> Result<(), Failure> {
    if as_json {
        return print_json(&TEXTS);
    }
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["text", "holds", "licence", "size", "SHA-256"]);
    for text in &TEXTS {
        let size = format!("{:.2} MB", text.bytes as f64 / 1e6);
        table.add_row([text.name, text.holds, text.licence, &size, &text.sha256[..12]]);
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    print_text(&lines.join("\n"))
}

fn pull(options: &PullOptions) -> Result<(), Failure> {
    let unknown = || {
        let hint = hint(&options.name, &TEXTS.map(|text| text.name));
        Failure::input(UnknownText { name: options.name.clone(), hint })
    };
    let text = TEXTS.iter().find(|text| text.name == options.name).ok_or_else(unknown)?;
    let path = options.out.clone().unwrap_or_else(|| Path::new(FOLDER).join(format!("{}.txt", text.name)));
    let url = options.url.as_deref().unwrap_or(text.url);
    let source = Source { url, bytes: text.bytes, sha256: text.sha256 };
    let bar = bar(text, options.quiet);
    let fetched = fetch(&source, &path, &|got| bar.set_position(got));
    bar.finish_and_clear();
    let fetched = fetched.map_err(failed)?;
    let path = path.display();
    if options.json {
        let (present, resumed) = match fetched {
            Fetched::Present => (true, 0),
            Fetched::From(byte) => (false, byte),
        };
        return print_json(&json!({
            "name": text.name, "path": path.to_string(), "url": url, "bytes": text.bytes, "sha256": text.sha256,
            "was_there": present, "resumed_from": resumed,
        }));
    }
    let how = match fetched {
        Fetched::Present => "was there already",
        Fetched::From(_) => "is there",
    };
    print_text(&format!(
        "{path} {how}: {} bytes, SHA-256 {}\nto train on it: sunward fly missions/starcloud-1.toml --text {path}",
        text.bytes, text.sha256
    ))
}

/// A file that is in the way is the caller's to move; everything else failed on the way.
fn failed(error: FetchError) -> Failure {
    match error {
        FetchError::Foreign { .. } => Failure::input(error),
        _ => Failure::run(error),
    }
}

fn bar(text: &Text, quiet: bool) -> ProgressBar {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(text.bytes), target);
    let style = ProgressStyle::with_template("{bar:24} {percent:>3}% {bytes} of {total_bytes}, {bytes_per_sec}");
    bar.set_style(style.expect("a valid template"));
    bar
}
