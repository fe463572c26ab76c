//! What a network costs, derived from its shapes: no clock is asked.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use serde::Serialize;

use super::onnx::{Graph, Node};

/// Floating-point operations and bytes of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Cost {
    /// Additions and multiplications, each counted; a multiply-add is two.
    pub flop: f64,
    /// Of these, in convolutions that see one channel each, which computers are slow at.
    pub depthwise_flop: f64,
    /// Bytes of weights, each read once.
    pub weight_bytes: f64,
    /// Bytes that all layers read and write, when none is fused with another.
    pub traffic_bytes: f64,
}

/// A value takes four bytes.
const VALUE: f64 = 4.0;

/// Adds up the nodes of a network.
///
/// # Errors
/// When it has an operation or a shape that is not known here.
pub fn of(graph: &Graph) -> anyhow::Result<Cost> {
    let mut shapes = graph.inputs.clone();
    // Some writers list weights among the inputs, too.
    shapes.retain(|name, _| !graph.weights.contains_key(name));
    let mut cost = Cost::default();
    for node in &graph.nodes {
        let failed = || format!("{} {:?}", node.operation, node.outputs);
        let step = Step {
            graph,
            shapes: &shapes,
            node,
        };
        let (shape, flop) = step.run().with_context(failed)?;
        let read: usize = node
            .inputs
            .iter()
            .filter_map(|name| shapes.get(name))
            .map(|shape| size(shape))
            .sum();
        cost.flop += flop;
        cost.depthwise_flop += if step.is_depthwise() { flop } else { 0.0 };
        cost.traffic_bytes += VALUE * (read + size(&shape)) as f64;
        let output = node.outputs.first().with_context(failed)?;
        shapes.insert(output.clone(), shape);
    }
    cost.weight_bytes = graph
        .weights
        .values()
        .map(|weight| weight.bytes as f64)
        .sum();
    cost.traffic_bytes += cost.weight_bytes;
    Ok(cost)
}

fn size(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// One node, with the shapes of what was computed before.
struct Step<'a> {
    graph: &'a Graph,
    shapes: &'a BTreeMap<String, Vec<usize>>,
    node: &'a Node,
}

impl Step<'_> {
    /// The shape of the output, and the operations to get there.
    fn run(&self) -> anyhow::Result<(Vec<usize>, f64)> {
        let input = self.input(0)?;
        match self.node.operation.as_str() {
            "Conv" => {
                let weights = self.weights(1)?;
                let shape = self.window(&input, &weights[2..], weights[0])?;
                let flop = 2 * size(&shape) * size(&weights[1..]);
                Ok((shape, flop as f64))
            }
            "MaxPool" | "AveragePool" => {
                let kernel = self.sizes("kernel_shape");
                let shape = self.window(&input, &kernel, input[1])?;
                let flop = size(&shape) * size(&kernel);
                Ok((shape, flop as f64))
            }
            "GlobalAveragePool" => Ok((vec![input[0], input[1], 1, 1], size(&input) as f64)),
            "MatMul" => {
                let weights = self.weights(1)?;
                let shape = vec![input[0], weights[1]];
                let flop = 2 * size(&input) * weights[1];
                Ok((shape, flop as f64))
            }
            "Relu" | "Add" => {
                let flop = size(&input) as f64;
                Ok((input, flop))
            }
            "Pad" => {
                let pads = self.integers(1)?;
                let axes = input.len();
                let padded = |(axis, size): (usize, &usize)| {
                    size.checked_add_signed((pads[axis] + pads[axes + axis]) as isize)
                };
                let shape: Option<Vec<usize>> = input.iter().enumerate().map(padded).collect();
                Ok((shape.context("the padding is larger than the input")?, 0.0))
            }
            "Transpose" => {
                let order = self.sizes("perm");
                Ok((order.iter().map(|&axis| input[axis]).collect(), 0.0))
            }
            "Reshape" => Ok((reshaped(&input, self.integers(1)?), 0.0)),
            "Flatten" => Ok((vec![input[0], size(&input[1..])], 0.0)),
            "Concat" => {
                let axis = self.sizes("axis").first().copied().unwrap_or_default();
                let mut shape = input;
                for place in 1..self.node.inputs.len() {
                    shape[axis] += self.input(place)?[axis];
                }
                Ok((shape, 0.0))
            }
            other => bail!("the operation {other} is not known"),
        }
    }

    fn is_depthwise(&self) -> bool {
        self.node.operation == "Conv" && self.weights(1).is_ok_and(|weights| weights[1] == 1)
    }

    fn input(&self, place: usize) -> anyhow::Result<Vec<usize>> {
        let name = self.node.inputs.get(place).context("an input is missing")?;
        self.shapes
            .get(name)
            .cloned()
            .with_context(|| format!("nothing makes {name}"))
    }

    fn weights(&self, place: usize) -> anyhow::Result<&[usize]> {
        let name = self
            .node
            .inputs
            .get(place)
            .context("the weights are missing")?;
        let weight = self
            .graph
            .weights
            .get(name)
            .with_context(|| format!("no weights are named {name}"))?;
        Ok(&weight.shape)
    }

    fn integers(&self, place: usize) -> anyhow::Result<&[i64]> {
        let name = self
            .node
            .inputs
            .get(place)
            .context("a constant is missing")?;
        let weight = self
            .graph
            .weights
            .get(name)
            .with_context(|| format!("no constant is named {name}"))?;
        Ok(&weight.integers)
    }

    fn sizes(&self, attribute: &str) -> Vec<usize> {
        let found = self.node.attributes.get(attribute);
        found
            .into_iter()
            .flatten()
            .map(|&size| usize::try_from(size).unwrap_or_default())
            .collect()
    }

    /// The shape after a window has slid over an input.
    fn window(
        &self,
        input: &[usize],
        kernel: &[usize],
        channels: usize,
    ) -> anyhow::Result<Vec<usize>> {
        let (strides, pads) = (self.sizes("strides"), self.sizes("pads"));
        if self.node.attributes.contains_key("auto_pad") {
            bail!("padding must be said in numbers");
        }
        let mut shape = vec![input[0], channels];
        for (axis, kernel) in kernel.iter().enumerate() {
            let of = |list: &[usize], place: usize, otherwise: usize| {
                list.get(place).copied().unwrap_or(otherwise)
            };
            let room = input[2 + axis] + of(&pads, axis, 0) + of(&pads, axis + 2, 0);
            let steps = room
                .checked_sub(*kernel)
                .context("the window is larger than the input")?;
            shape.push(steps / of(&strides, axis, 1).max(1) + 1);
        }
        Ok(shape)
    }
}

/// The shape that is asked for; 0 keeps a size, −1 takes what is left.
fn reshaped(input: &[usize], wanted: &[i64]) -> Vec<usize> {
    let keep = |(axis, &size): (usize, &i64)| match size {
        0 => input.get(axis).copied().unwrap_or(1),
        size => usize::try_from(size).unwrap_or(1),
    };
    let mut shape: Vec<usize> = wanted.iter().enumerate().map(keep).collect();
    if let Some(open) = wanted.iter().position(|&size| size < 0) {
        shape[open] = 1;
        shape[open] = size(input) / size(&shape).max(1);
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::super::onnx;
    use super::*;

    fn cost(file: &str) -> Cost {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../onnx");
        of(&onnx::read(&std::fs::read(folder.join(file)).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn the_embedding_costs_what_its_layers_cost() {
        let cost = cost("resnet34.onnx");
        // 5,607,488 parameters; the layers by hand make 0.542 GFLOP.
        assert!(
            (cost.weight_bytes / VALUE - 5_607_488.0).abs() < 1000.0,
            "{cost:?}"
        );
        assert!((cost.flop / 1e9 - 0.542).abs() < 0.01, "{cost:?}");
        assert_eq!(cost.depthwise_flop, 0.0);
    }

    #[test]
    fn the_first_convolution_by_hand() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../onnx");
        let mut graph = onnx::read(&std::fs::read(folder.join("resnet34.onnx")).unwrap()).unwrap();
        graph.nodes.truncate(1);
        // 150×150 under 32 windows of 7×7×3, two pixels apart, no padding: 72×72 places.
        assert_eq!(
            of(&graph).unwrap().flop,
            f64::from(2 * 72 * 72 * 32 * 7 * 7 * 3)
        );
    }

    #[test]
    fn the_detectors_are_small() {
        let back = cost("blazeface_back.onnx");
        assert!(back.flop > 2e7 && back.flop < 1e9, "{back:?}");
        assert!(back.depthwise_flop > 0.05 * back.flop, "{back:?}");
    }

    #[test]
    fn a_shape_may_keep_and_leave_open() {
        assert_eq!(reshaped(&[1, 16, 16, 2], &[1, -1, 1]), [1, 512, 1]);
        assert_eq!(reshaped(&[1, 4, 6], &[0, 0, 2, 3]), [1, 4, 2, 3]);
    }
}
