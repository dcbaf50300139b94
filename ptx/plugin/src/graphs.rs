//! Lists of launches that come again, as graphs: one call for all launches of a list.

use crate::{
    driver::{Code, Failure, call},
    gpu::wait,
    kernels::Kernels,
    launch::{Kept, View},
};
use cust::{
    stream::Stream,
    sys::{CUgraph, CUgraphExec, CUstreamCaptureMode},
};
use std::ptr;

/// Lists that are remembered.
const CAPACITY: usize = 16;

/// What was made of a list.
enum Form {
    /// It came once; making a graph costs more than launching it.
    Seen,
    /// A graph.
    Graph(Graph),
    /// It does not become a graph on this driver.
    Plain,
}

struct Entry {
    launches: Vec<Kept>,
    form: Form,
    /// When it came last.
    used: u64,
}

/// The lists that came lately.
#[derive(Default)]
pub struct Graphs {
    entries: Vec<Entry>,
    time: u64,
}

impl Graphs {
    /// Forgets all of them. Nothing may be running.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Runs a list.
    pub fn run(
        &mut self,
        kernels: &mut Kernels,
        stream: &Stream,
        launches: &[View<'_>],
    ) -> Result<(), Failure> {
        self.time += 1;
        let same = |entry: &Entry| {
            entry.launches.len() == launches.len()
                && entry.launches.iter().zip(launches).all(|(kept, view)| kept == view)
        };
        let Some(index) = self.entries.iter().position(same) else {
            launch_all(kernels, stream, launches)?;
            return self.remember(stream, launches);
        };
        let entry = &mut self.entries[index];
        entry.used = self.time;
        if let Form::Seen = entry.form {
            entry.form = Graph::capture(stream, || launch_all(kernels, stream, launches))
                .map_or(Form::Plain, Form::Graph);
        }
        match &entry.form {
            Form::Graph(graph) => {
                graph.launch(stream).map_err(|code| code.during("a graph of launches does not start"))
            }
            Form::Seen | Form::Plain => launch_all(kernels, stream, launches),
        }
    }

    fn remember(&mut self, stream: &Stream, launches: &[View<'_>]) -> Result<(), Failure> {
        if self.entries.len() >= CAPACITY {
            let oldest = (0..self.entries.len()).min_by_key(|&index| self.entries[index].used);
            let oldest = oldest.map(|index| self.entries.swap_remove(index));
            if let Some(Entry { form: Form::Graph(_), .. }) = oldest {
                // It may be running still.
                wait(stream)?;
            }
        }
        let launches = launches.iter().map(Kept::from).collect();
        self.entries.push(Entry { launches, form: Form::Seen, used: self.time });
        Ok(())
    }
}

fn launch_all(kernels: &mut Kernels, stream: &Stream, launches: &[View<'_>]) -> Result<(), Failure> {
    launches.iter().try_for_each(|launch| kernels.launch(stream, launch))
}

/// A graph that can be launched.
pub struct Graph(CUgraphExec);

impl Graph {
    /// The graph of what `record` puts into the stream, none where that does not become one.
    pub fn capture<E>(stream: &Stream, record: impl FnOnce() -> Result<(), E>) -> Option<Self> {
        // Of this thread: other threads, with other cards, go on as they like.
        let mode = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        // SAFETY: the stream is alive.
        unsafe { call!(cuStreamBeginCapture_v2(stream.as_inner(), mode)) }.ok()?;
        let recorded = record();
        let mut graph: CUgraph = ptr::null_mut();
        // SAFETY: the graph is written, as null where the capture was broken off. It must end in any case: until then the
        // stream runs nothing.
        let ended = unsafe { call!(cuStreamEndCapture(stream.as_inner(), &mut graph)) };
        if graph.is_null() {
            return None;
        }
        let mut executable = ptr::null_mut();
        let made = ended.and_then(|()| {
            // SAFETY: the graph was made just now, and the executable one is written.
            unsafe { call!(cuGraphInstantiateWithFlags(&mut executable, graph, 0)) }
        });
        // SAFETY: the graph is alive, and the executable one does not need it. Nobody has to know of a failure.
        let _ = unsafe { call!(cuGraphDestroy(graph)) };
        let made = made.is_ok().then(|| Self(executable));
        recorded.ok().and(made)
    }

    /// Puts it into a stream.
    pub fn launch(&self, stream: &Stream) -> Result<(), Code> {
        // SAFETY: both are alive and of the same context.
        unsafe { call!(cuGraphLaunch(self.0, stream.as_inner())) }
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: the graph is alive, and gone after this. Nobody can be told of a failure.
        let _ = unsafe { call!(cuGraphExecDestroy(self.0)) };
    }
}
