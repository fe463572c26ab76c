//! A network of fixed shape on the inference engine.

mod depthwise;
mod narrow;

use std::io::Cursor;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::plan::eval;

use crate::FaceError;

/// A network with one input of fixed shape, optimised for it: a symbolic batch would cost a third more time.
pub(crate) struct Network {
    id: &'static str,
    plan: Arc<TypedRunnableModel>,
    shape: Vec<usize>,
}

impl Network {
    /// Reads an ONNX file. Its outputs are given in the order of `outputs`, whatever their order in the file.
    pub(super) fn load(
        id: &'static str,
        bytes: Vec<u8>,
        input: &str,
        shape: &[usize],
        outputs: &[&str],
    ) -> TractResult<Self> {
        let read = onnx().model_for_read(&mut Cursor::new(&bytes))?;
        // The file is as large as the weights, and optimising copies those once more.
        drop(bytes);
        let mut model = read
            .with_inputs_by_name([input])?
            .with_outputs_by_name(outputs)?
            .with_input_fact(0, f32::fact(shape).into())?
            .into_typed()?
            .into_decluttered()?;
        depthwise::replace(&mut model)?;
        let plan = model.into_optimized()?.into_runnable()?;
        Ok(Self {
            id,
            plan,
            shape: shape.to_vec(),
        })
    }

    /// Runs the network once and gives its outputs, each as a flat row.
    pub(crate) fn run(&self, input: &[f32]) -> Result<Vec<Vec<f32>>, FaceError> {
        self.try_run(input).map_err(|error| FaceError::Network {
            id: self.id,
            why: format!("{error:#}"),
        })
    }

    /// The error for an output that is not what this network is known for.
    pub(crate) fn odd(&self, why: &str) -> FaceError {
        FaceError::Network {
            id: self.id,
            why: why.to_owned(),
        }
    }

    fn try_run(&self, input: &[f32]) -> TractResult<Vec<Vec<f32>>> {
        let input = Tensor::from_shape(&self.shape, input)?;
        let mut state = self.plan.spawn()?;
        let outputs =
            state.run_plan_with_eval(tvec!(input.into()), |context, state, node, inputs| {
                let outputs = eval(context, state, node, inputs);
                narrow::again();
                outputs
            })?;
        let flat = |output: &TValue| {
            let view = output.to_plain_array_view::<f32>()?;
            Ok(view.iter().copied().collect())
        };
        outputs.iter().map(flat).collect()
    }
}
