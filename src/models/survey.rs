//! A look at an ONNX file before a runtime reads it. Readers believe the lengths that a file claims and reserve the
//! memory, and follow graphs inside of graphs until the stack is full: both end the process, and nothing can catch it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Cursor, Seek};
use std::path::{Path, PathBuf};

use rten_onnx::onnx::{DataType, StringStringEntryProto, TensorProto};

use crate::error::{Error, Result};
use crate::file;
use crate::models::external::Located;

/// Messages inside of messages; three are one graph inside of another, and networks have two or three of those.
const DEEPEST: usize = 64;
/// Bytes of a name, or of what says where data lies.
const LONGEST_TEXT: u64 = 1 << 16;

/// The most that a message of protocol buffers can be.
const LONGEST_FILE: u64 = i32::MAX as u64;
/// Nodes of all graphs. Networks have some thousand; a runtime follows them node by node, each deeper in its stack.
const MOST_NODES: usize = 30_000;

/// The fields of a tensor with its sizes, and with the type of its elements.
const DIMENSIONS: u64 = 1;
const DATA_TYPE: u64 = 2;

/// The kinds of messages (`onnx.proto`) that readers look into.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    /// A key and a value that say where a tensor's data lies.
    Entry,
    /// Texts that are kept: a tensor's name, and what its entries hold.
    Name,
    Key,
    Value,
    ValueInfo,
    Type,
    TensorType,
    Sequence,
    Shape,
    /// Without messages inside.
    Leaf,
}

impl Kind {
    /// What lies in a field of this number, if it is looked into.
    fn inner(self, field: u64) -> Option<Kind> {
        Some(match (self, field) {
            (Kind::Model, 7) | (Kind::Attribute, 6 | 11) => Kind::Graph,
            (Kind::Model, 8 | 14) => Kind::Leaf,
            (Kind::Graph, 1) => Kind::Node,
            (Kind::Graph, 5) | (Kind::Attribute, 5 | 10) => Kind::Tensor,
            (Kind::Graph, 11..=13) => Kind::ValueInfo,
            (Kind::Node, 5) => Kind::Attribute,
            (Kind::Tensor, 8) => Kind::Name,
            (Kind::Tensor, 13) => Kind::Entry,
            (Kind::Entry, 1) => Kind::Key,
            (Kind::Entry, 2) => Kind::Value,
            (Kind::ValueInfo, 2) | (Kind::Sequence, 1) => Kind::Type,
            (Kind::Type, 1) => Kind::TensorType,
            (Kind::Type, 4) => Kind::Sequence,
            (Kind::TensorType, 2) => Kind::Shape,
            (Kind::Shape, 1) => Kind::Leaf,
            _ => return None,
        })
    }
}

/// Numbers one behind the other in a field.
#[derive(Clone, Copy)]
enum Packed {
    /// Of so many bytes each.
    Fixed(u64),
    Varying,
}

impl Packed {
    fn in_field(kind: Kind, field: u64) -> Option<Packed> {
        Some(match (kind, field) {
            (Kind::Tensor, DIMENSIONS | 5 | 7 | 11) | (Kind::Attribute, 8) => Packed::Varying,
            (Kind::Tensor, 4) | (Kind::Attribute, 7) => Packed::Fixed(4),
            (Kind::Tensor, 10) => Packed::Fixed(8),
            _ => return None,
        })
    }
}

/// Refuses a file that a runtime should not see; gives the model's name for errors.
pub(crate) fn check_file(path: &Path) -> Result<String> {
    surveyed(path).map(|(name, _)| name)
}

/// The files beside a model that hold values of its tensors, each once.
#[cfg(feature = "onnx")]
pub(crate) fn external_files(path: &Path) -> Result<Vec<PathBuf>> {
    surveyed(path).map(|(_, files)| files.into_iter().collect())
}

fn surveyed(path: &Path) -> Result<(String, BTreeSet<PathBuf>)> {
    let name = format!("the model {}", path.display());
    let (file, end) = file::open(path, || name.clone())?;
    let files = check(&name, BufReader::new(file), end, Some(path))?;
    Ok((name, files))
}

/// The same for the bytes of a file.
pub(crate) fn check_bytes(name: &str, bytes: &[u8]) -> Result<()> {
    check(name, Cursor::new(bytes), bytes.len() as u64, None).map(|_| ())
}

fn check(
    name: &str,
    input: impl BufRead + Seek,
    end: u64,
    path: Option<&Path>,
) -> Result<BTreeSet<PathBuf>> {
    let mut walk = Walk {
        input,
        at: 0,
        end,
        files: BTreeSet::new(),
    };
    let walked = walk.model(path);
    walked.map_err(|reason| Error::Adapter {
        what: name.to_owned(),
        reason,
    })?;
    Ok(walk.files)
}

/// A walk through all messages of a file. Their contents are passed over.
struct Walk<R> {
    input: R,
    at: u64,
    end: u64,
    /// Where the values of tensors lie that are not in it.
    files: BTreeSet<PathBuf>,
}

impl<R: BufRead + Seek> Walk<R> {
    fn model(&mut self, path: Option<&Path>) -> Result<(), String> {
        if self.end == 0 {
            return Err("not an ONNX file: it is empty".to_owned());
        }
        if self.end > LONGEST_FILE {
            return Err(format!(
                "it has {} bytes, expected an ONNX file of at most {LONGEST_FILE} (weights can lie in files beside it)",
                self.end
            ));
        }
        let mut nodes = 0;
        let mut open = vec![(Kind::Model, self.end)];
        let mut tensor = TensorProto::default();
        while let Some(&(kind, end)) = open.last() {
            if self.at == end {
                open.pop();
                if kind == Kind::Tensor {
                    let file = check_tensor(&std::mem::take(&mut tensor), path)?;
                    self.files.extend(file);
                }
                continue;
            }
            let tag = self.number(end)?;
            if tag >> 3 == 0 {
                // What is filled with zeros would be one such field after the other.
                return Err(format!(
                    "not an ONNX file: a field of number 0 at byte {}",
                    self.at
                ));
            }
            let length = match tag & 7 {
                0 => {
                    let number = self.number(end)?;
                    match (kind, tag >> 3) {
                        (Kind::Tensor, DIMENSIONS) => tensor.dims.push(number as i64),
                        (Kind::Tensor, DATA_TYPE) => {
                            tensor.data_type = i32::try_from(number).ok().map(DataType);
                        }
                        _ => {}
                    }
                    continue;
                }
                1 => 8,
                2 => self.number(end)?,
                5 => 4,
                other => {
                    return Err(format!(
                        "not an ONNX file: a field of unknown type {other} at byte {}",
                        self.at
                    ));
                }
            };
            let left = end - self.at;
            if length > left {
                return Err(format!(
                    "not a whole ONNX file: {length} bytes should follow byte {}, where only {left} can",
                    self.at
                ));
            }
            if tag & 7 == 2 {
                if let Some(packed) = Packed::in_field(kind, tag >> 3) {
                    let dims = self.packed(packed, length)?;
                    if (kind, tag >> 3) == (Kind::Tensor, DIMENSIONS) {
                        tensor.dims.extend(dims);
                    }
                    continue;
                }
            }
            match kind.inner(tag >> 3).filter(|_| tag & 7 == 2) {
                Some(text @ (Kind::Name | Kind::Key | Kind::Value)) => {
                    let text_of = Some(self.text(length)?);
                    let entry = tensor.external_data.last_mut();
                    match (text, entry) {
                        (Kind::Key, Some(entry)) => entry.key = text_of,
                        (Kind::Value, Some(entry)) => entry.value = text_of,
                        _ => tensor.name = text_of,
                    }
                }
                None => self.skip(length)?,
                Some(_) if open.len() == DEEPEST => {
                    return Err(format!(
                        "has messages inside of messages more than {DEEPEST} deep"
                    ));
                }
                Some(inner) => {
                    nodes += usize::from(inner == Kind::Node);
                    if nodes > MOST_NODES {
                        return Err(format!("has more than {MOST_NODES} nodes"));
                    }
                    if inner == Kind::Entry {
                        tensor.external_data.push(StringStringEntryProto::default());
                    }
                    open.push((inner, self.at + length));
                }
            }
        }
        Ok(())
    }

    /// Many numbers in one field: whole ones, for a reader may go round for ever at half a one. Gives the first ones.
    fn packed(&mut self, packed: Packed, length: u64) -> Result<Vec<i64>, String> {
        const MOST: usize = 1000;
        let stop = self.at + length;
        let mut first = Vec::new();
        match packed {
            Packed::Fixed(size) if length % size == 0 => self.skip(length)?,
            Packed::Fixed(size) => {
                return Err(format!(
                    "not a whole ONNX file: {length} bytes from byte {} on, expected numbers of {size} bytes",
                    self.at
                ));
            }
            Packed::Varying => {
                while self.at < stop {
                    let number = self.number(stop)?;
                    if first.len() < MOST {
                        first.push(number as i64);
                    }
                }
            }
        }
        Ok(first)
    }

    /// A number of up to 64 bits, seven to a byte.
    fn number(&mut self, end: u64) -> Result<u64, String> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            if self.at == end {
                return Err(format!("not a whole ONNX file: it ends at byte {end}"));
            }
            let mut byte = [0];
            self.input.read_exact(&mut byte).map_err(fault)?;
            self.at += 1;
            let [byte] = byte;
            // Of the last byte there is one bit.
            if shift == 63 && byte > 1 {
                break;
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(format!(
            "not an ONNX file: no number ends at byte {}",
            self.at
        ))
    }

    fn skip(&mut self, length: u64) -> Result<(), String> {
        let by = i64::try_from(length).map_err(|e| e.to_string())?;
        self.input.seek_relative(by).map_err(fault)?;
        self.at += length;
        Ok(())
    }

    fn text(&mut self, length: u64) -> Result<String, String> {
        if length > LONGEST_TEXT {
            return Err(format!(
                "has a name of {length} bytes, expected at most {LONGEST_TEXT}"
            ));
        }
        let mut bytes = vec![0; length as usize];
        self.input.read_exact(&mut bytes).map_err(fault)?;
        self.at += length;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Refuses a size that no memory has, and external data that is not there; gives the file of the latter.
fn check_tensor(tensor: &TensorProto, model: Option<&Path>) -> Result<Option<PathBuf>, String> {
    let sizes = tensor.dims.iter().map(|&d| usize::try_from(d).ok());
    let mut sizes = sizes.filter(|&d| d != Some(0));
    if sizes.try_fold(8, |n: usize, d| n.checked_mul(d?)).is_none() {
        return Err(format!(
            "the tensor `{}` has shape {:?}, expected sizes that memory can hold",
            tensor.name.as_deref().unwrap_or_default(),
            tensor.dims
        ));
    }
    let Some(model) = model.filter(|_| !tensor.external_data.is_empty()) else {
        return Ok(None);
    };
    let located = Located::new(tensor, model.parent().unwrap_or(Path::new("")))?;
    let real = |path: &Path| path.canonicalize().map_err(fault);
    match real(&located.path)? == real(model)? {
        true => Err(format!(
            "external data of `{}`: it is said to lie in the model's own file, expected one beside it",
            tensor.name.as_deref().unwrap_or_default()
        )),
        false => Ok(Some(located.path)),
    }
}

fn fault(error: std::io::Error) -> String {
    error.to_string()
}
