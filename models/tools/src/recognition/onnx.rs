//! As much of ONNX as says what a network costs: its nodes, the shapes of its weights, its inputs. The format is
//! protobuf; field numbers are those of onnx.proto.

use std::collections::BTreeMap;

use anyhow::{Context, bail};

/// A network.
#[derive(Debug, Default)]
pub struct Graph {
    /// In the order in which they run.
    pub nodes: Vec<Node>,
    /// Shapes of weights and constants, by name.
    pub weights: BTreeMap<String, Weight>,
    /// Shapes of the inputs, by name.
    pub inputs: BTreeMap<String, Vec<usize>>,
}

/// A weight or constant.
#[derive(Debug, Default)]
pub struct Weight {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values where they are 64-bit integers: constants that steer, such as the shape to reshape to.
    pub integers: Vec<i64>,
    /// Bytes that it takes.
    pub bytes: usize,
}

/// An operation.
#[derive(Debug, Default)]
pub struct Node {
    /// Such as `Conv`.
    pub operation: String,
    /// Names of what it reads.
    pub inputs: Vec<String>,
    /// Names of what it writes.
    pub outputs: Vec<String>,
    /// Integer attributes, lists or single ones.
    pub attributes: BTreeMap<String, Vec<i64>>,
}

/// TensorProto.DataType of 64-bit integers.
const INT64: u64 = 7;

/// A field of a message.
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Fixed 32 or 64 bits, of which nothing here is made.
    Fixed,
}

impl<'a> Value<'a> {
    fn bytes(&self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            _ => &[],
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }

    /// A repeated integer, one by one or packed.
    fn numbers(&self) -> anyhow::Result<Vec<u64>> {
        match self {
            Self::Number(number) => Ok(vec![*number]),
            Self::Fixed => Ok(Vec::new()),
            Self::Bytes(packed) => {
                let mut bytes = *packed;
                let mut numbers = Vec::new();
                while !bytes.is_empty() {
                    numbers.push(varint(&mut bytes)?);
                }
                Ok(numbers)
            }
        }
    }
}

fn varint(bytes: &mut &[u8]) -> anyhow::Result<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first().context("the file is cut off")?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    bail!("a number is too long")
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> anyhow::Result<&'a [u8]> {
    let (taken, rest) = bytes
        .split_at_checked(length)
        .context("the file is cut off")?;
    *bytes = rest;
    Ok(taken)
}

/// The fields of a message, with their numbers.
fn fields(mut bytes: &[u8]) -> anyhow::Result<Vec<(u64, Value<'_>)>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let value = match key & 7 {
            0 => Value::Number(varint(&mut bytes)?),
            1 => take(&mut bytes, 8).map(|_| Value::Fixed)?,
            2 => {
                let length = usize::try_from(varint(&mut bytes)?)?;
                Value::Bytes(take(&mut bytes, length)?)
            }
            5 => take(&mut bytes, 4).map(|_| Value::Fixed)?,
            other => bail!("no protobuf: wire type {other}"),
        };
        found.push((key >> 3, value));
    }
    Ok(found)
}

/// Reads an ONNX file.
///
/// # Errors
/// When it is none.
pub fn read(bytes: &[u8]) -> anyhow::Result<Graph> {
    let model = fields(bytes)?;
    let graph = model
        .iter()
        .find(|(number, _)| *number == 7)
        .context("no graph is in the file")?;
    let mut read = Graph::default();
    for (number, value) in fields(graph.1.bytes())? {
        match number {
            1 => read.nodes.push(node(value.bytes())?),
            5 => {
                let (name, weight) = tensor(value.bytes())?;
                read.weights.insert(name, weight);
            }
            11 => {
                let (name, shape) = input(value.bytes())?;
                read.inputs.insert(name, shape);
            }
            _ => {}
        }
    }
    Ok(read)
}

fn node(bytes: &[u8]) -> anyhow::Result<Node> {
    let mut node = Node::default();
    for (number, value) in fields(bytes)? {
        match number {
            1 => node.inputs.push(value.text()),
            2 => node.outputs.push(value.text()),
            4 => node.operation = value.text(),
            5 => {
                let (name, numbers) = attribute(value.bytes())?;
                node.attributes.insert(name, numbers);
            }
            _ => {}
        }
    }
    Ok(node)
}

fn attribute(bytes: &[u8]) -> anyhow::Result<(String, Vec<i64>)> {
    let (mut name, mut numbers) = (String::new(), Vec::new());
    for (number, value) in fields(bytes)? {
        match number {
            1 => name = value.text(),
            3 | 8 => numbers.extend(value.numbers()?.into_iter().map(u64::cast_signed)),
            _ => {}
        }
    }
    Ok((name, numbers))
}

fn tensor(bytes: &[u8]) -> anyhow::Result<(String, Weight)> {
    let (mut name, mut weight, mut kind, mut raw) = (String::new(), Weight::default(), 0, &[][..]);
    for (number, value) in fields(bytes)? {
        match number {
            1 => weight.shape.extend(sizes(&value)?),
            2 => kind = value.numbers()?.first().copied().unwrap_or_default(),
            7 => weight
                .integers
                .extend(value.numbers()?.into_iter().map(u64::cast_signed)),
            8 => name = value.text(),
            9 => raw = value.bytes(),
            _ => {}
        }
    }
    weight.bytes = raw.len();
    if kind == INT64 {
        let (values, _) = raw.as_chunks();
        weight
            .integers
            .extend(values.iter().map(|&value| i64::from_le_bytes(value)));
    }
    Ok((name, weight))
}

fn sizes(value: &Value) -> anyhow::Result<Vec<usize>> {
    let numbers = value.numbers()?.into_iter();
    numbers.map(|size| Ok(usize::try_from(size)?)).collect()
}

/// ValueInfoProto → its type → that of a tensor → the shape → its sizes.
fn input(bytes: &[u8]) -> anyhow::Result<(String, Vec<usize>)> {
    let (mut name, mut shape) = (String::new(), Vec::new());
    for (number, value) in fields(bytes)? {
        match number {
            1 => name = value.text(),
            2 => {
                let mut messages = vec![value.bytes()];
                // TypeProto.tensor_type = 1, Tensor.shape = 2, TensorShapeProto.dim = 1.
                for wanted in [1, 2, 1] {
                    let mut inner = Vec::new();
                    for message in messages {
                        inner.extend(
                            fields(message)?
                                .into_iter()
                                .filter(|(number, _)| *number == wanted)
                                .map(|(_, value)| value.bytes()),
                        );
                    }
                    messages = inner;
                }
                for message in messages {
                    for (number, value) in fields(message)? {
                        if number == 1 {
                            shape.extend(sizes(&value)?);
                        }
                    }
                }
            }
            _ => {}
        }
    }
    Ok((name, shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_files_are_refused() {
        for bytes in [
            &b"\x3a\x05ab"[..],
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x3b",
            b"",
        ] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn packed_and_single_numbers_are_the_same() {
        let name = b"\x0a\x01x";
        let packed = attribute(&[&name[..], b"\x42\x03\x01\x96\x01"].concat()).unwrap();
        let single = attribute(&[&name[..], b"\x40\x01\x40\x96\x01"].concat()).unwrap();
        assert_eq!(packed, ("x".to_owned(), vec![1, 150]));
        assert_eq!(packed, single);
    }
}
