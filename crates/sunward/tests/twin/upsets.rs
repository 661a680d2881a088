//! `sunward upsets`: what a campaign prints and leaves, how it goes on, and what it refuses.

use std::fs;
use std::path::Path;

use serde_json::Value;
use sunward::payloads::FolderStore;
use sunward_ai::memo::Store;

use crate::cli::{entries, json, run, said, text};
use crate::flight::{fresh_folder, with};

const CAMPAIGN: &str = r#"
name = "small"
seed = 3
tolerance = 0.02

[training]
flips = 230
memory_corrected = false
layers = 1
heads = 2
width = 16
context = 16
batch = 4
learning_rate = 3e-3
steps = 40
continued = 8
evaluate_batches = 2
quiet_runs = 1
rollback = 4

[training.guards]
finite = true
loss_spike = 1.0
gradient_norm = 10.0
shards = true
ranges = 8.0
products = true

[serving]
flips = 120
memory_corrected = false
weights = "int8"
layers = 2
width = 32
feed_forward = 64
heads = 2
key_heads = 1
head_width = 32
vocabulary = 64
window = 8
prompts = 2
prompt_tokens = 8
answer_tokens = 8
hold = 4
recover = true

[serving.guards]
weights = true
redundant = true
"#;

fn campaign(folder: &Path, text: &str) {
    fs::write(folder.join("small.toml"), text).unwrap();
}

#[test]
fn a_campaign_prints_its_outcomes_and_leaves_table_and_page() {
    let folder = fresh_folder("upsets_prints");
    campaign(&folder, CAMPAIGN);
    let output = run(&folder, &["upsets", "small.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let printed = text(&output.stdout);
    for part in [
        "0 of 230 flips silently harmful: at most 1.64 %",
        "second-moment",
        "exponent, high",
        "products",
        "fault-free steps",
    ] {
        assert!(printed.contains(part), "{part} in\n{printed}");
    }
    assert_eq!(entries(&folder.join("runs")), ["small"], "no half-done blocks are left");
    let left = folder.join("runs/small");
    assert_eq!(entries(&left), ["campaign.csv", "campaign.html", "campaign.json", "campaign.toml"]);
    let flips = fs::read_to_string(left.join("campaign.csv")).unwrap();
    assert_eq!(flips.lines().count(), 1 + 230 + 120);
    assert!(flips.lines().nth(1).unwrap().starts_with("training,0,"), "{flips:.200}");
    assert!(fs::read_to_string(left.join("campaign.html")).unwrap().contains("<svg"));
    let result: Value = serde_json::from_slice(&fs::read(left.join("campaign.json")).unwrap()).unwrap();
    assert_eq!(result["parts"][0]["counts"]["silent"], 0);
}

/// The blocks of an interrupted campaign are used, and end in the same bytes.
#[test]
fn an_interrupted_campaign_goes_on() {
    let folder = fresh_folder("upsets_resumed");
    campaign(&folder, CAMPAIGN);
    let flips = |out: &str| fs::read_to_string(folder.join(out).join("campaign.csv")).unwrap();
    let arguments = |out, threads| ["upsets", "small.toml", "--quiet", "--json", "--threads", threads, "--out", out];
    let whole = json(&run(&folder, &arguments("whole", "1")));
    assert_eq!(whole["parts"][0]["flips"], 230);
    // A file where the folder's page is to go: everything is struck and kept, and then the writing fails.
    fs::create_dir_all(folder.join("half/campaign.html")).unwrap();
    let stopped = run(&folder, &arguments("half", "2"));
    assert_eq!(stopped.status.code(), Some(1), "{}", said(&stopped));
    let blocks = folder.join(".half.campaign");
    let names: Vec<String> = entries(&blocks).into_iter().filter(|name| !name.starts_with('.')).collect();
    assert_eq!(names.len(), 3 + 2);
    // The kept blocks are used: an outcome rewritten in one comes out again. One that is torn or damaged is struck anew.
    let store = FolderStore::new(blocks.clone());
    let rewritten = String::from_utf8(store.load(&names[0]).unwrap()).unwrap().replace("\"harmless\"", "\"silent\"");
    store.save(&names[0], rewritten.as_bytes());
    fs::write(blocks.join(&names[1]), "[").unwrap();
    let damaged = fs::read(blocks.join(&names[2])).unwrap();
    let text = String::from_utf8_lossy(&damaged[..damaged.len() - 8]).replace("\"number\":20", "\"number\":90");
    fs::write(blocks.join(&names[2]), [text.as_bytes(), &damaged[damaged.len() - 8..]].concat()).unwrap();
    fs::remove_dir(folder.join("half/campaign.html")).unwrap();
    json(&run(&folder, &arguments("half", "2")));
    assert_ne!(flips("half"), flips("whole"));
    assert_eq!(flips("half").replace(",silent,", ",harmless,"), flips("whole"));
}

#[test]
fn a_faulty_campaign_is_refused_with_its_place() {
    let folder = fresh_folder("upsets_refused");
    let refusals = [
        (with(CAMPAIGN, "shards = true", "shard = true"), "unknown field `shard`"),
        (with(CAMPAIGN, "heads = 2\nwidth = 16", "heads = 3\nwidth = 16"), "width 16 is not a multiple of 3 heads"),
        (with(CAMPAIGN, "flips = 230", "flips = -1"), "line 7"),
        (with(CAMPAIGN, "ranges = 8.0", "ranges = 0.0"), "training.guards.ranges is 0, expected above 0"),
        (with(CAMPAIGN, "hold = 4", "hold = 0"), "serving.hold is 0, expected at least 1"),
        ("name = \"none\"\nseed = 1\ntolerance = 0.02\n".to_owned(), "neither [training] nor [serving]"),
    ];
    for (text, told) in refusals {
        campaign(&folder, &text);
        let output = run(&folder, &["upsets", "small.toml", "--quiet"]);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(said(&output).contains(told), "{told}: {}", said(&output));
    }
    let output = run(&folder, &["upsets", "nowhere.toml"]);
    assert!(output.status.code() == Some(2) && said(&output).contains("cannot read campaign nowhere.toml"));
    campaign(&folder, CAMPAIGN);
    fs::create_dir_all(folder.join("mine")).unwrap();
    fs::write(folder.join("mine/thesis.tex"), "").unwrap();
    let output = run(&folder, &["upsets", "small.toml", "--out", "mine"]);
    assert!(output.status.code() == Some(2) && said(&output).contains("thesis.tex"), "{}", said(&output));
}
