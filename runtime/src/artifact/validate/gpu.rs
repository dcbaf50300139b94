//! The part of an artifact for a GPU: what its plan names is there and has the sizes that the executor reckons with. What the kernels
//! do is not looked into; the launcher checks their parameters, and the card's memory is not the host's.

use super::{Problem, limits::MAX_ELEMENTS};
use crate::artifact::{
    Artifact, DType,
    gpu_program::{BufferId, Content, Element, GpuProgram, Launch, Tensor},
    program::OpKind,
};

/// Most buffers, kernels and launches of a plan.
const MAX_ENTRIES: usize = 1 << 16;
/// Most bytes of one image in one step of a buffer.
const MAX_BYTES: u64 = 1 << 32;

impl Artifact {
    /// Checks the kernels' plan against the program and the tensors.
    pub(super) fn check_gpu(&self, gpu: &GpuProgram) -> Result<(), Problem> {
        let entries = [&gpu.buffers.len(), &gpu.kernels.len(), &gpu.reset.len(), &gpu.chunk.len()];
        if entries.into_iter().any(|&count| count > MAX_ENTRIES) {
            return Err(format!("the plan has more than {MAX_ENTRIES} entries"));
        }
        let ptx = self.tensors.get(&gpu.ptx).filter(|ptx| ptx.dtype() == DType::U8);
        if ptx.is_none_or(|ptx| std::str::from_utf8(ptx.bytes()).is_err()) {
            return Err(format!("tensor `{}` is no text", gpu.ptx));
        }
        for buffer in &gpu.buffers {
            let fits = match &buffer.content {
                Content::Constant { tensor } => self.tensors.contains_key(tensor),
                Content::Once { bytes } | Content::Image { bytes } => *bytes <= MAX_BYTES,
                Content::Step { bytes, first, last } => *bytes <= MAX_BYTES && first <= last,
            };
            if !fits {
                return Err(format!("buffer `{}` has no tensor, or no size that can be", buffer.name));
            }
        }
        gpu.reset.iter().chain(&gpu.chunk).try_for_each(|launch| check_launch(gpu, launch))?;
        self.check_host(gpu)
    }

    /// What the host writes and reads.
    fn check_host(&self, gpu: &GpuProgram) -> Result<(), Problem> {
        let host = &gpu.host;
        let input = self.manifest.input.shape.iter().product::<usize>() as u64;
        let input = self.manifest.input.frames.map_or(4 * input, |frames| 2 * u64::from(frames) * input);
        let of_images =
            [(host.input, input), (host.active, 4), (host.operations, 8), (host.constant_operations, 8)];
        let counts = host.layers.iter().map(|layer| (layer.counts, 4));
        for (buffer, bytes) in of_images.into_iter().chain(counts) {
            if content(gpu, buffer) != Some(&Content::Image { bytes }) {
                return Err(format!("buffer {buffer} does not have {bytes} bytes for each image"));
            }
        }
        if content(gpu, host.clock) != Some(&Content::Once { bytes: 4 }) {
            return Err(format!("buffer {} is no clock", host.clock));
        }
        let program = self.program();
        let sizes = |wanted: fn(&OpKind) -> bool| {
            let ops = program.ops.iter().filter(move |op| wanted(&op.kind));
            ops.map(|op| program.values[op.output].iter().product::<usize>()).collect::<Vec<_>>()
        };
        let layers = host.layers.iter().map(|layer| &layer.events).collect::<Vec<_>>();
        check_tensors(gpu, &layers, &sizes(OpKind::is_neuron))?;
        let readouts = host.readouts.iter().collect::<Vec<_>>();
        check_tensors(gpu, &readouts, &sizes(|kind| matches!(kind, OpKind::Readout { .. })))?;
        match readouts.iter().find(|readout| readout.element != Element::I32) {
            Some(readout) => Err(format!("buffer {} holds no sums of 32 bits", readout.buffer)),
            None => Ok(()),
        }
    }
}

fn content(gpu: &GpuProgram, buffer: BufferId) -> Option<&Content> {
    gpu.buffers.get(buffer).map(|buffer| &buffer.content)
}

fn check_launch(gpu: &GpuProgram, launch: &Launch) -> Result<(), Problem> {
    let is_kernel =
        gpu.kernels.iter().any(|kernel| kernel.name == launch.kernel && kernel.threads == launch.threads);
    let has_buffers = launch.buffers.iter().all(|&buffer| buffer < gpu.buffers.len());
    let has_shape = launch.rows_per_block > 0
        && launch.rows <= 4 * MAX_ELEMENTS as u64
        && (1..=65_535).contains(&launch.columns)
        && (1..=1024).contains(&launch.threads);
    if is_kernel && has_buffers && has_shape {
        return Ok(());
    }
    Err(format!("a launch of `{}` names what is not there, or has no shape that can be", launch.kernel))
}

/// Tensors of the given numbers of elements, one after the other.
fn check_tensors(gpu: &GpuProgram, tensors: &[&Tensor], sizes: &[usize]) -> Result<(), Problem> {
    if tensors.len() != sizes.len() {
        return Err(format!("{} layers or outputs are read, and there are {}", tensors.len(), sizes.len()));
    }
    for (tensor, &size) in tensors.iter().zip(sizes) {
        let fits =
            tensor.positions.checked_mul(tensor.channels) == Some(size) && tensor.padded >= tensor.channels;
        let stored = tensor
            .positions
            .checked_mul(tensor.padded)
            .and_then(|stored| stored.checked_mul(tensor.element.bytes()));
        let is_stored = matches!(content(gpu, tensor.buffer), Some(&Content::Step { bytes, .. }) if Some(bytes) == stored.map(|stored| stored as u64));
        if !fits || !is_stored {
            return Err(format!("buffer {} is not what {size} elements of each image lie in", tensor.buffer));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::{
        artifact::{
            Artifact, Tensor,
            gpu_program::{
                Buffer, Content, Element, GpuProgram, HostBuffers, Kernel, Launch, LayerBuffers,
                Tensor as Place,
            },
            program::{OpKind, Schedule},
        },
        testing::Builder,
    };

    /// An artifact with a plan of one kernel that does nothing.
    fn with_plan() -> Artifact {
        let mut network = Builder::new(Schedule::StBif, 20);
        let input = network.encode(&[3], false);
        let current = network.linear(input, 2, &[1, 2, 3, 4, 5, 6]);
        let spikes = network.st_bif(current, &[5, 7], 15, 0);
        network.readout(spikes, "y");
        let mut artifact = network.finish();
        let program = artifact.program().clone();
        let mut buffers = vec![];
        let mut add = |content| {
            buffers.push(Buffer { name: "b".to_owned(), content });
            buffers.len() - 1
        };
        let clock = add(Content::Once { bytes: 4 });
        let elements = artifact.manifest.input.shape.iter().product::<usize>() as u64;
        let input = add(Content::Image { bytes: 4 * elements });
        let [active, operations, constant_operations] = [4, 8, 8].map(|bytes| add(Content::Image { bytes }));
        let mut place = |output: usize, element: Element| {
            let channels = program.values[output].iter().product::<usize>();
            let bytes = (channels * element.bytes()) as u64;
            Place {
                buffer: add(Content::Step { bytes, first: 0, last: 0 }),
                element,
                positions: 1,
                channels,
                padded: channels,
            }
        };
        let of = |wanted: fn(&OpKind) -> bool| {
            program.ops.iter().filter(move |op| wanted(&op.kind)).map(|op| op.output)
        };
        let events = of(OpKind::is_neuron).map(|output| place(output, Element::I8)).collect::<Vec<_>>();
        let readouts = of(|kind| matches!(kind, OpKind::Readout { .. }))
            .map(|output| place(output, Element::I32))
            .collect();
        let layers = events.into_iter().map(|events| LayerBuffers { counts: active, events }).collect();
        let launch = Launch {
            kernel: "k".to_owned(),
            op: String::new(),
            buffers: vec![clock],
            rows: 1,
            rows_per_block: 1,
            columns: 1,
            threads: 32,
        };
        artifact.tensors.insert("ptx".to_owned(), Tensor::from_values(vec![1], b"k").unwrap());
        artifact.manifest.gpu = Some(GpuProgram {
            arch: "sm_80".to_owned(),
            ptx: "ptx".to_owned(),
            kernels: vec![Kernel { name: "k".to_owned(), threads: 32, registers: 32, shared: 0 }],
            buffers,
            reset: vec![launch.clone()],
            chunk: vec![launch],
            host: HostBuffers { clock, input, active, operations, constant_operations, layers, readouts },
        });
        artifact
    }

    #[test]
    fn a_plan_that_names_what_is_not_there_is_refused() {
        with_plan().validate().unwrap();
        let spoils: [fn(&mut GpuProgram); 14] = [
            |gpu| gpu.ptx = "none".to_owned(),
            |gpu| gpu.chunk[0].buffers = vec![99],
            |gpu| gpu.chunk[0].kernel = "other".to_owned(),
            |gpu| gpu.chunk[0].rows_per_block = 0,
            |gpu| gpu.chunk[0].rows = u64::MAX,
            |gpu| gpu.reset[0].threads = 2048,
            |gpu| gpu.reset[0].columns = 0,
            |gpu| gpu.buffers[0].content = Content::Constant { tensor: "none".to_owned() },
            |gpu| gpu.host.clock = usize::MAX,
            |gpu| gpu.host.input = gpu.host.active,
            |gpu| gpu.host.layers.truncate(0),
            |gpu| gpu.host.layers[0].events.padded = usize::MAX,
            |gpu| gpu.host.readouts[0].buffer = 0,
            |gpu| gpu.host.readouts[0].channels += 1,
        ];
        for (number, spoil) in spoils.into_iter().enumerate() {
            let mut artifact = with_plan();
            spoil(artifact.manifest.gpu.as_mut().unwrap());
            let error = artifact.validate().expect_err(&format!("spoil {number} is seen"));
            assert_eq!(error.id(), "artifact-invalid", "spoil {number}");
        }
    }
}
