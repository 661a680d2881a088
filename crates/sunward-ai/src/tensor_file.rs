//! Reading and writing safetensors: a length, a JSON header of names, types, shapes and places, then the data.
//!
//! Written here, not taken from a crate, because an error must name the file, the tensor, and what was expected and found;
//! a truncated file is the commonest fault after a power cut. What this module writes carries a checksum.
//!
//! **Source**: Hugging Face, "safetensors" format description, 2022.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TensorFileError {
    /// No readable header.
    #[error("{file}: not a tensor file: {reason}")]
    Header {
        /// Name of the file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// The file ends before the header does.
    #[error("{file}: truncated in the header: expected {expected} bytes, found {found}")]
    TruncatedHeader {
        /// Name of the file.
        file: String,
        /// Bytes the header needs.
        expected: u64,
        /// Bytes in the file.
        found: u64,
    },
    /// The file ends before a tensor does.
    #[error("{file}: truncated in tensor {tensor}: expected at least {expected} bytes, found {found}")]
    Truncated {
        /// Name of the file.
        file: String,
        /// First tensor that is not whole.
        tensor: String,
        /// Bytes up to its end.
        expected: usize,
        /// Bytes in the file.
        found: usize,
    },
    /// A tensor's place contradicts its shape.
    #[error("{file}: tensor {tensor}: expected a place of {expected} bytes for {dtype} {shape:?}, found {found} bytes")]
    Place {
        /// Name of the file.
        file: String,
        /// The tensor.
        tensor: String,
        /// Its type.
        dtype: String,
        /// Its shape.
        shape: Vec<usize>,
        /// Bytes of the shape.
        expected: usize,
        /// Bytes of the place.
        found: usize,
    },
    /// A tensor is not there.
    #[error("{file}: tensor {tensor} is missing: expected {expected}, found no tensor of that name")]
    Missing {
        /// Name of the file.
        file: String,
        /// The tensor.
        tensor: String,
        /// Type and shape wanted.
        expected: String,
    },
    /// A tensor has another shape or type.
    #[error("{file}: tensor {tensor}: expected {expected}, found {found}")]
    Form {
        /// Name of the file.
        file: String,
        /// The tensor.
        tensor: String,
        /// Type and shape wanted.
        expected: String,
        /// Type and shape in the file.
        found: String,
    },
    /// The content is not what was written.
    #[error("{file}: checksum: expected {expected}, found {found}")]
    Checksum {
        /// Name of the file.
        file: String,
        /// Checksum in the header.
        expected: String,
        /// Checksum of the content.
        found: String,
    },
}

/// One tensor's line of the header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Header {
    #[serde(rename = "__metadata__", default)]
    metadata: BTreeMap<String, String>,
    #[serde(flatten)]
    tensors: BTreeMap<String, Entry>,
}

/// A tensor to be written.
#[derive(Debug, Clone)]
pub struct Named<'a> {
    /// Name.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
    /// Elements, rows first.
    pub data: &'a [f32],
}

const CHECKSUM: &str = "checksum";

/// XXH3-64 of the data, seeded by that of the metadata.
fn checksum(metadata: &BTreeMap<String, String>, data: &[u8]) -> String {
    let seed = metadata
        .iter()
        .filter(|(key, _)| *key != CHECKSUM)
        .fold(0, |seed, (key, value)| xxh3_64_with_seed(value.as_bytes(), xxh3_64_with_seed(key.as_bytes(), seed)));
    format!("{:016x}", xxh3_64_with_seed(data, seed))
}

/// The bytes of a file with `tensors`, `metadata` and a checksum; equal inputs give equal bytes.
#[must_use]
pub fn write(tensors: &[Named<'_>], mut metadata: BTreeMap<String, String>) -> Vec<u8> {
    let mut data = Vec::with_capacity(tensors.iter().map(|tensor| 4 * tensor.data.len()).sum());
    let mut entries = BTreeMap::new();
    for tensor in tensors {
        let start = data.len();
        data.extend(tensor.data.iter().flat_map(|x| x.to_le_bytes()));
        let entry = Entry { dtype: "F32".into(), shape: tensor.shape.clone(), data_offsets: [start, data.len()] };
        entries.insert(tensor.name.clone(), entry);
    }
    metadata.insert(CHECKSUM.into(), checksum(&metadata, &data));
    let mut header = serde_json::to_vec(&Header { metadata, tensors: entries }).expect("text and numbers become JSON");
    header.resize(header.len().next_multiple_of(8), b' ');
    [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat()
}

/// A file read: its header and where its data begins.
#[derive(Debug)]
pub struct TensorFile<'a> {
    file: &'a str,
    header: Header,
    data: &'a [u8],
}

impl<'a> TensorFile<'a> {
    /// Reads the header of `bytes`, the content of the file called `file`, and checks every tensor's place and, where one was
    /// written, the checksum.
    ///
    /// # Errors
    /// Whatever is not as the format says; a file that ends early names the tensor it ends in.
    pub fn read(file: &'a str, bytes: &'a [u8]) -> Result<Self, TensorFileError> {
        let truncated = |expected: u64| TensorFileError::TruncatedHeader {
            file: file.to_owned(),
            expected,
            found: bytes.len() as u64,
        };
        let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(|| truncated(8))?;
        let length = u64::from_le_bytes(*length);
        let split = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
        let (header, data) = split.ok_or_else(|| truncated(length.saturating_add(8)))?;
        let header: Header = serde_json::from_slice(header)
            .map_err(|error| TensorFileError::Header { file: file.to_owned(), reason: error.to_string() })?;
        let read = Self { file, header, data };
        read.check_places(bytes.len() - data.len())?;
        read.check_sum()?;
        Ok(read)
    }

    fn check_places(&self, data_start: usize) -> Result<(), TensorFileError> {
        let mut entries: Vec<_> = self.header.tensors.iter().collect();
        entries.sort_by_key(|(_, entry)| entry.data_offsets);
        for (tensor, entry) in entries {
            let [start, end] = entry.data_offsets;
            let found = end.saturating_sub(start);
            let expected = entry.shape.iter().try_fold(entry.element_bytes(), |bytes, n| bytes.checked_mul(*n));
            if start > end || expected != Some(found) {
                return Err(TensorFileError::Place {
                    file: self.file.to_owned(),
                    tensor: tensor.clone(),
                    dtype: entry.dtype.clone(),
                    shape: entry.shape.clone(),
                    expected: expected.unwrap_or(usize::MAX),
                    found,
                });
            }
            if end > self.data.len() {
                return Err(TensorFileError::Truncated {
                    file: self.file.to_owned(),
                    tensor: tensor.clone(),
                    expected: end.saturating_add(data_start),
                    found: self.data.len() + data_start,
                });
            }
        }
        Ok(())
    }

    fn check_sum(&self) -> Result<(), TensorFileError> {
        let Some(expected) = self.header.metadata.get(CHECKSUM) else { return Ok(()) };
        let found = checksum(&self.header.metadata, self.data);
        if *expected == found {
            return Ok(());
        }
        Err(TensorFileError::Checksum { file: self.file.to_owned(), expected: expected.clone(), found })
    }

    /// Name of the file.
    #[must_use]
    pub fn file(&self) -> &str {
        self.file
    }

    /// A line of the metadata.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.header.metadata.get(key).map(String::as_str)
    }

    /// Type, shape and bytes of `tensor`, if it is there.
    #[must_use]
    pub fn tensor(&self, tensor: &str) -> Option<(&str, &[usize], &'a [u8])> {
        let entry = self.header.tensors.get(tensor)?;
        let [start, end] = entry.data_offsets;
        Some((&entry.dtype, &entry.shape, &self.data[start..end]))
    }

    /// The elements of `tensor`, which must have `shape`, into `into`.
    ///
    /// # Errors
    /// It is missing or has another type or shape.
    pub fn copy_f32(&self, tensor: &str, shape: &[usize], into: &mut [f32]) -> Result<(), TensorFileError> {
        let entry = self.header.tensors.get(tensor).ok_or_else(|| TensorFileError::Missing {
            file: self.file.to_owned(),
            tensor: tensor.to_owned(),
            expected: format!("F32 {shape:?}"),
        })?;
        if entry.dtype != "F32" || entry.shape != shape {
            return Err(TensorFileError::Form {
                file: self.file.to_owned(),
                tensor: tensor.to_owned(),
                expected: format!("F32 {shape:?}"),
                found: format!("{} {:?}", entry.dtype, entry.shape),
            });
        }
        let bytes = &self.data[entry.data_offsets[0]..entry.data_offsets[1]];
        for (x, bytes) in into.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *x = f32::from_le_bytes(*bytes);
        }
        Ok(())
    }
}

impl Entry {
    /// Bytes of one element; 1 for a type this project does not read, whose place then is checked no further.
    fn element_bytes(&self) -> usize {
        match self.dtype.as_str() {
            "F64" | "I64" | "U64" => 8,
            "F32" | "I32" | "U32" => 4,
            "F16" | "BF16" | "I16" | "U16" => 2,
            _ => 1,
        }
    }
}

/// XXH3-64 of the bits of `data`.
#[must_use]
pub fn digest(data: &[f32]) -> u64 {
    digest_words(data, f32::to_le_bytes)
}

/// XXH3-64 of `data`, whose elements are N `bytes` each.
#[must_use]
pub fn digest_words<T: Copy, const N: usize>(data: &[T], bytes: impl Fn(T) -> [u8; N]) -> u64 {
    let mut buffer = [0u8; 4096];
    data.chunks(buffer.len() / N).fold(0, |seed, chunk| {
        for (cell, x) in buffer.as_chunks_mut::<N>().0.iter_mut().zip(chunk) {
            *cell = bytes(*x);
        }
        xxh3_64_with_seed(&buffer[..N * chunk.len()], seed)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Vec<u8> {
        let tensors = [
            Named { name: "b".into(), shape: vec![2, 3], data: &[1.0, 2.0, 3.0, 4.0, 5.0, -0.0] },
            Named { name: "a".into(), shape: vec![2], data: &[f32::NAN, 7.0] },
        ];
        write(&tensors, BTreeMap::from([("step".to_owned(), "12".to_owned())]))
    }

    fn error(bytes: &[u8]) -> String {
        TensorFile::read("x.safetensors", bytes).unwrap_err().to_string()
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = example();
        let file = TensorFile::read("x", &bytes).unwrap();
        let (mut a, mut b) = ([0.0; 2], [0.0; 6]);
        file.copy_f32("a", &[2], &mut a).unwrap();
        file.copy_f32("b", &[2, 3], &mut b).unwrap();
        assert_eq!((a[0].to_bits(), a[1], b[5].to_bits()), (f32::NAN.to_bits(), 7.0, (-0.0f32).to_bits()));
        assert_eq!(file.metadata("step"), Some("12"));
    }

    #[test]
    fn a_truncated_file_names_the_tensor_it_ends_in() {
        let bytes = example();
        let (all, start) = (bytes.len(), bytes.len() - 32);
        assert_eq!(
            error(&bytes[..all - 1]),
            format!("x.safetensors: truncated in tensor a: expected at least {all} bytes, found {}", all - 1)
        );
        assert_eq!(
            error(&bytes[..start + 23]),
            format!(
                "x.safetensors: truncated in tensor b: expected at least {} bytes, found {}",
                start + 24,
                start + 23
            )
        );
        assert_eq!(
            error(&bytes[..start - 1]),
            format!("x.safetensors: truncated in the header: expected {start} bytes, found {}", start - 1)
        );
        assert_eq!(error(&bytes[..5]), "x.safetensors: truncated in the header: expected 8 bytes, found 5");
    }

    #[test]
    fn every_flipped_bit_of_data_or_metadata_is_found() {
        let bytes = example();
        let text = bytes.windows(4).position(|w| w == b"\"12\"").unwrap();
        for at in (bytes.len() - 32..bytes.len()).chain([text + 1, text + 2]) {
            let mut struck = bytes.clone();
            struck[at] ^= 1;
            assert!(error(&struck).starts_with("x.safetensors: checksum: expected"), "byte {at}");
        }
    }

    #[test]
    fn wrong_forms_are_named() {
        let bytes = example();
        let file = TensorFile::read("x", &bytes).unwrap();
        let message = |tensor, shape: &[usize]| file.copy_f32(tensor, shape, &mut [0.0; 6]).unwrap_err().to_string();
        assert_eq!(message("b", &[3, 2]), "x: tensor b: expected F32 [3, 2], found F32 [2, 3]");
        assert_eq!(message("c", &[3, 2]), "x: tensor c is missing: expected F32 [3, 2], found no tensor of that name");
        let broken = String::from_utf8_lossy(&bytes[8..bytes.len() - 32]).replace("[2,3]", "[2,9]");
        let forged = [&(broken.len() as u64).to_le_bytes()[..], broken.as_bytes(), &bytes[bytes.len() - 32..]].concat();
        assert_eq!(
            error(&forged),
            "x.safetensors: tensor b: expected a place of 72 bytes for F32 [2, 9], found 24 bytes"
        );
        assert!(error(b"\x02\0\0\0\0\0\0\0[]").starts_with("x.safetensors: not a tensor file: invalid type"));
    }

    /// A file written by the reference implementation: `safetensors.numpy.save({"w": arange(6).reshape(2, 3) / 4}, {"by": "numpy"})`,
    /// safetensors 0.8.0 for Python.
    #[test]
    fn a_file_of_the_reference_implementation_is_read() {
        let bytes = include_bytes!("../../../testdata/ai/reference.safetensors");
        let file = TensorFile::read("reference.safetensors", bytes).unwrap();
        let mut w = [0.0; 6];
        file.copy_f32("w", &[2, 3], &mut w).unwrap();
        assert_eq!(w, [0.0, 0.25, 0.5, 0.75, 1.0, 1.25]);
        assert_eq!(file.metadata("by"), Some("numpy"));
    }
}
