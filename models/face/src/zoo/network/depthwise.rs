//! Depthwise convolutions of 3×3, each channel by itself: what BlazeFace spends most of its time on.
//!
//! The inference engine walks them one output at a time on most processors. Here nine shifted rows are weighted
//! and summed at once, which any compiler turns into vector instructions. Every second column and row is left out
//! (stride 2) by taking even and odd columns apart first.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::cnn::{Conv, KernelFormat};
use tract_onnx::tract_core::ops::nn::DataFormat;

/// Columns and rows of the kernel.
const KERNEL: usize = 3;

/// Inputs: 1×C×H×W, the kernels C×1×3×3, the biases C. Output: 1×C×h×w.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Depthwise {
    /// Rows and columns of a channel before.
    from: [usize; 2],
    /// And after.
    to: [usize; 2],
    /// Zeros above and on the left.
    before: [usize; 2],
    /// 1 or 2, along both axes.
    stride: usize,
}

/// Puts [`Depthwise`] wherever it fits, and leaves the rest to the engine.
pub(super) fn replace(model: &mut TypedModel) -> TractResult<()> {
    for id in model.eval_order()? {
        let node = model.node(id);
        let op = node
            .op_as::<Conv>()
            .map(|conv| Depthwise::of(model, node, conv));
        if let Some(op) = op.transpose()?.flatten() {
            TypedModelPatch::replace_single_op(model, node, &node.inputs, op)?.apply(model)?;
        }
    }
    Ok(())
}

impl Depthwise {
    fn of(model: &TypedModel, node: &TypedNode, conv: &Conv) -> TractResult<Option<Self>> {
        let pool = &conv.pool_spec;
        let facts = model.node_input_facts(node.id)?;
        let [image, kernel, bias] = facts.as_slice() else {
            return Ok(None);
        };
        let channels = conv.group;
        let fits = conv.q_params.is_none()
            && conv.kernel_fmt == KernelFormat::OIHW
            && pool.data_format == DataFormat::NCHW
            && [pool.input_channels, pool.output_channels] == [channels; 2]
            && pool.dilations().iter().all(|&dilation| dilation == 1)
            && matches!(pool.strides().as_ref(), [1, 1] | [2, 2])
            && facts
                .iter()
                .all(|fact| fact.datum_type == f32::datum_type())
            && kernel.shape.as_concrete() == Some(&[channels, 1, KERNEL, KERNEL])
            && bias.shape.as_concrete() == Some(&[channels]);
        let Some(&[1, _, height, width]) = image.shape.as_concrete().filter(|_| fits) else {
            return Ok(None);
        };
        let stride = pool.stride(0);
        if !width.is_multiple_of(stride) {
            return Ok(None);
        }
        let sides = pool.computed_padding(&[height, width]);
        Ok(Some(Self {
            from: [height, width],
            to: [sides[0].convoluted, sides[1].convoluted],
            before: [sides[0].pad_before, sides[1].pad_before],
            stride,
        }))
    }

    /// One channel: `lanes` is room for its columns taken apart, with zeros around.
    fn channel(
        &self,
        image: &[f32],
        kernel: &[f32],
        bias: f32,
        lanes: &mut Lanes,
        out: &mut [f32],
    ) {
        for (row, line) in image.chunks_exact(self.from[1]).enumerate() {
            lanes.fill(row + self.before[0], line);
        }
        for (row, out) in out.chunks_exact_mut(self.to[1]).enumerate() {
            let taps: [&[f32]; KERNEL * KERNEL] = std::array::from_fn(|tap| {
                lanes.row(row * self.stride + tap / KERNEL, tap % KERNEL, out.len())
            });
            weighted(&taps, kernel, bias, out);
        }
    }
}

/// Sums of nine rows, each with its weight.
fn weighted(rows: &[&[f32]; 9], weights: &[f32], bias: f32, out: &mut [f32]) {
    let Ok(weights) = <&[f32; 9]>::try_from(weights) else {
        return;
    };
    let length = out.len();
    // Slices of the same length as the result need no check of each index.
    let [a, b, c, d, e, f, g, h, i] = rows.map(|row| &row[..length]);
    for x in 0..length {
        let upper = weights[0] * a[x] + weights[1] * b[x] + weights[2] * c[x];
        let middle = weights[3] * d[x] + weights[4] * e[x] + weights[5] * f[x];
        let lower = weights[6] * g[x] + weights[7] * h[x] + weights[8] * i[x];
        out[x] = bias + upper + middle + lower;
    }
}

/// A channel with zeros around, its columns apart by their number modulo the stride.
struct Lanes {
    values: Vec<f32>,
    stride: usize,
    /// Columns of zeros on the left.
    before: usize,
    /// Values of a lane of one row.
    length: usize,
}

impl Lanes {
    fn new(op: &Depthwise) -> Self {
        let reach = |axis: usize| {
            let read = (op.to[axis] - 1) * op.stride + KERNEL;
            read.max(op.before[axis] + op.from[axis])
        };
        let length = reach(1).div_ceil(op.stride);
        Self {
            values: vec![0.0; reach(0) * length * op.stride],
            stride: op.stride,
            before: op.before[1],
            length,
        }
    }

    fn fill(&mut self, row: usize, line: &[f32]) {
        let start = row * self.length * self.stride;
        let row = &mut self.values[start..start + self.length * self.stride];
        if self.stride == 1 {
            row[self.before..self.before + line.len()].copy_from_slice(line);
            return;
        }
        let (even, odd) = row.split_at_mut(self.length);
        // With an odd number of zeros before them, the even columns are in the odd lane.
        let (first, second) = if self.before.is_multiple_of(2) {
            (&mut even[self.before / 2..], &mut odd[self.before / 2..])
        } else {
            (
                &mut odd[self.before / 2..],
                &mut even[self.before / 2 + 1..],
            )
        };
        for ((first, second), pair) in first.iter_mut().zip(second).zip(line.chunks_exact(2)) {
            *first = pair[0];
            *second = pair[1];
        }
    }

    /// The values that a tap in this column of the kernel meets, for so many outputs of a row.
    fn row(&self, row: usize, tap: usize, count: usize) -> &[f32] {
        let lane = row * self.stride + tap % self.stride;
        let start = lane * self.length + tap / self.stride;
        &self.values[start..start + count]
    }
}

impl Op for Depthwise {
    fn name(&self) -> StaticName {
        "Depthwise3x3".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Depthwise {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (image, kernels, biases) = args_3!(inputs);
        let [image, kernels, biases] =
            [&image, &kernels, &biases].map(|one| one.to_plain_array_view::<f32>());
        let (image, kernels, biases) = (image?, kernels?, biases?);
        let slices = (image.as_slice(), kernels.as_slice(), biases.as_slice());
        let (Some(image), Some(kernels), Some(biases)) = slices else {
            bail!("values in another order than that of their indices");
        };
        let [before, after] = [self.from, self.to].map(|[height, width]| height * width);
        let shape = [1, biases.len(), self.to[0], self.to[1]];
        let mut output = Tensor::zero::<f32>(&shape)?;
        let mut lanes = Lanes::new(self);
        let mut view = output.try_as_plain_ram_mut()?;
        let out = view.as_slice_mut::<f32>()?;
        let each = image
            .chunks_exact(before)
            .zip(kernels.chunks_exact(KERNEL * KERNEL));
        for (((image, kernel), &bias), out) in each.zip(biases).zip(out.chunks_exact_mut(after)) {
            self.channel(image, kernel, bias, &mut lanes, out);
        }
        Ok(tvec!(output.into_tvalue()))
    }
}

impl TypedOp for Depthwise {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let shape = &inputs[0].shape;
        Ok(tvec!(f32::fact([
            shape[0].clone(),
            shape[1].clone(),
            self.to[0].to_dim(),
            self.to[1].to_dim(),
        ])))
    }

    as_op!();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, one output after the other.
    fn plainly(op: &Depthwise, image: &[f32], kernel: &[f32], bias: f32) -> Vec<f32> {
        let [height, width] = op.from;
        let at = |row: usize, column: usize| {
            let inside = |place: usize, before: usize, size: usize| {
                place.checked_sub(before).filter(|place| *place < size)
            };
            let row = inside(row, op.before[0], height);
            let column = inside(column, op.before[1], width);
            row.zip(column)
                .map_or(0.0, |(row, column)| image[row * width + column])
        };
        let places = (0..op.to[0]).flat_map(|row| (0..op.to[1]).map(move |column| (row, column)));
        let taps = || (0..KERNEL * KERNEL).map(|tap| (tap, tap / KERNEL, tap % KERNEL));
        let output = |(row, column): (usize, usize)| {
            let parts = taps().map(|(tap, down, across)| {
                kernel[tap] * at(row * op.stride + down, column * op.stride + across)
            });
            bias + parts.sum::<f32>()
        };
        places.map(output).collect()
    }

    #[test]
    fn rows_at_once_give_what_the_definition_gives() {
        let value = |i: usize| ((i * 7919) % 199) as f32 / 100.0 - 1.0;
        let cases = [
            ([5, 6], [5, 6], [1, 1], 1),
            ([1, 1], [1, 1], [1, 1], 1),
            ([7, 9], [5, 7], [0, 0], 1),
            ([8, 8], [4, 4], [0, 0], 2),
            ([8, 8], [4, 4], [1, 1], 2),
            ([9, 16], [5, 8], [1, 0], 2),
        ];
        for (from, to, before, stride) in cases {
            let op = Depthwise {
                from,
                to,
                before,
                stride,
            };
            let image: Vec<f32> = (0..from[0] * from[1]).map(value).collect();
            let kernel: Vec<f32> = (50..59).map(value).collect();
            let mut out = vec![0.0; to[0] * to[1]];
            op.channel(&image, &kernel, 0.25, &mut Lanes::new(&op), &mut out);
            for (found, wanted) in out.iter().zip(plainly(&op, &image, &kernel, 0.25)) {
                assert!(
                    (found - wanted).abs() < 1e-5,
                    "{op:?}: {found}, not {wanted}"
                );
            }
        }
    }

    #[test]
    fn it_takes_the_engines_place_and_gives_the_same() {
        use tract_onnx::tract_core::ops::cnn::{PaddingSpec, PoolSpec};

        let value = |i: usize| ((i * 104_729) % 211) as f32 / 100.0 - 1.0;
        let tensor = |shape: &[usize]| {
            let values: Vec<f32> = (0..shape.iter().product()).map(value).collect();
            Tensor::from_shape(shape, &values).unwrap()
        };
        let zeros = |before: usize, after: usize| {
            PaddingSpec::Explicit(tvec!(before, before), tvec!(after, after))
        };
        for (stride, padding) in [(1, zeros(1, 1)), (2, zeros(0, 1)), (2, zeros(1, 1))] {
            let mut model = TypedModel::default();
            let image = model.add_source("image", f32::fact([1, 4, 8, 10])).unwrap();
            let kernel = model.add_const("kernel", tensor(&[4, 1, 3, 3])).unwrap();
            let bias = model.add_const("bias", tensor(&[4])).unwrap();
            let pool_spec = PoolSpec {
                data_format: DataFormat::NCHW,
                kernel_shape: tvec!(3, 3),
                padding,
                dilations: None,
                strides: Some(tvec!(stride, stride)),
                input_channels: 4,
                output_channels: 4,
            };
            let conv = Conv {
                pool_spec,
                kernel_fmt: KernelFormat::OIHW,
                group: 4,
                q_params: None,
            };
            let out = model
                .wire_node("conv", conv, &[image, kernel, bias])
                .unwrap();
            model.select_output_outlets(&out).unwrap();
            let mut replaced = model.clone();
            replace(&mut replaced).unwrap();
            assert!(
                replaced
                    .nodes()
                    .iter()
                    .any(|node| node.op_is::<Depthwise>())
            );
            let run = |model: TypedModel| {
                let plan = model.into_optimized().unwrap().into_runnable().unwrap();
                let outputs = plan.run(tvec!(tensor(&[1, 4, 8, 10]).into())).unwrap();
                outputs[0].clone().into_tensor()
            };
            let (found, wanted) = (run(replaced), run(model));
            let close = Approximation::Approximate;
            found.close_enough(&wanted, close).unwrap();
        }
    }

    /// Every depthwise layer of the shipped networks, with the padding and the stride that it has there.
    #[test]
    fn the_detectors_give_what_the_engine_alone_gives() {
        let files: [(&[u8], usize); 2] = [
            (include_bytes!("../../../../onnx/blazeface_short.onnx"), 128),
            (include_bytes!("../../../../onnx/blazeface_back.onnx"), 256),
        ];
        for (mut bytes, side) in files {
            let shape = [1, 3, side, side];
            let read = onnx().model_for_read(&mut bytes).unwrap();
            let plain = read
                .with_outputs_by_name(["boxes", "scores"])
                .and_then(|model| model.with_input_fact(0, f32::fact(shape).into()))
                .and_then(|model| model.into_typed()?.into_decluttered())
                .unwrap();
            let mut replaced = plain.clone();
            replace(&mut replaced).unwrap();
            let count = |model: &TypedModel, is: fn(&TypedNode) -> bool| {
                model.nodes().iter().filter(|node| is(node)).count()
            };
            let grouped =
                |node: &TypedNode| node.op_as::<Conv>().is_some_and(|conv| conv.group > 1);
            let layers = count(&plain, grouped);
            assert_eq!(count(&replaced, |node| node.op_is::<Depthwise>()), layers);
            assert!(layers >= 16, "{layers}");
            let values = (0..3 * side * side).map(|i| ((i * 7919) % 199) as f32 / 99.5 - 1.0);
            let image = Tensor::from_shape(&shape, &Vec::from_iter(values)).unwrap();
            let run = |model: TypedModel| {
                let plan = model.into_optimized().unwrap().into_runnable().unwrap();
                plan.run(tvec!(image.clone().into())).unwrap()
            };
            let (found, wanted) = (run(replaced), run(plain));
            for (found, wanted) in found.iter().zip(&wanted) {
                found
                    .close_enough(wanted, Approximation::Approximate)
                    .unwrap();
            }
        }
    }
}
