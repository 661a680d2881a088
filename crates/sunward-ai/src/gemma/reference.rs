//! What the tests compare with: testdata/gemma, written by models.py there with the reference implementation.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::tensor_file::TensorFile;

#[derive(Debug, Deserialize)]
pub(crate) struct Expected {
    pub(crate) prompt: Vec<u32>,
    /// Continuation of the first half of the prompt.
    pub(crate) greedy: Vec<u32>,
    pub(crate) encoded: Vec<Case>,
    pub(crate) decoded: Vec<Case>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Case {
    pub(crate) text: String,
    pub(crate) tokens: Vec<u32>,
}

/// The folder of a small random model.
pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/gemma").join(name)
}

pub(crate) fn expected(name: &str) -> Expected {
    serde_json::from_slice(&std::fs::read(folder(name).join("expected.json")).unwrap()).unwrap()
}

/// Logits of the prompt, `[position, vocabulary]`.
pub(crate) fn logits(name: &str, positions: usize, vocabulary: usize) -> Vec<f32> {
    let bytes = std::fs::read(folder(name).join("expected.safetensors")).unwrap();
    let mut logits = vec![0.0; positions * vocabulary];
    let file = TensorFile::read("expected.safetensors", &bytes).unwrap();
    file.copy_f32("logits", &[positions, vocabulary], &mut logits).unwrap();
    logits
}

/// A copy of a folder to spoil, gone when dropped.
pub(crate) struct Copy(PathBuf);

impl Copy {
    /// A copy of the folder `name` for the test called `test`.
    pub(crate) fn of(name: &str, test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sunward-gemma-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        for entry in std::fs::read_dir(folder(name)).unwrap() {
            let from = entry.unwrap().path();
            std::fs::copy(&from, path.join(from.file_name().unwrap())).unwrap();
        }
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Changes a JSON file.
    pub(crate) fn edit(&self, file: &str, change: impl FnOnce(&mut Value)) {
        let path = self.0.join(file);
        let mut json = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        change(&mut json);
        std::fs::write(path, serde_json::to_vec(&json).unwrap()).unwrap();
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // A folder left behind harms nothing.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
