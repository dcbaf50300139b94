//! The time that each launch takes on the card.

use crate::{
    driver::{Code, Failure},
    events::{Clock, Event},
    gpu::wait,
    graphs::Graph,
    kernels::Kernels,
    launch::View,
};
use cust::stream::Stream;

/// Runs launches, each between two events, and waits for them.
///
/// The events are nodes of a graph where the driver allows it: launched one by one, kernels are shorter than the gaps that
/// launching leaves.
pub fn run(
    kernels: &mut Kernels,
    stream: &Stream,
    launches: &[View<'_>],
    milliseconds: &mut [f32],
) -> Result<(), Failure> {
    let during = |code: Code| code.during("launches cannot be timed");
    let clock = Clock::find()
        .ok_or_else(|| Failure::Failed("the driver has no function for the time between events".into()))?;
    let events = (0..=launches.len()).map(|_| Event::timed()).collect::<Result<Vec<_>, _>>();
    let events = events.map_err(during)?;
    let graph =
        Graph::capture(stream, || sequence(kernels, stream, launches, &events, Event::record_in_graph));
    match graph.as_ref().map(|graph| graph.launch(stream)) {
        Some(Ok(())) => {}
        Some(Err(_)) | None => sequence(kernels, stream, launches, &events, Event::record)?,
    }
    wait(stream)?;
    for (pair, milliseconds) in events.windows(2).zip(milliseconds) {
        *milliseconds = pair[1].since(&pair[0], clock).map_err(during)?;
    }
    Ok(())
}

/// Event, launch, event, launch, event.
fn sequence(
    kernels: &mut Kernels,
    stream: &Stream,
    launches: &[View<'_>],
    events: &[Event],
    record: fn(&Event, &Stream) -> Result<(), Code>,
) -> Result<(), Failure> {
    let place = |event: &Event| record(event, stream).map_err(|code| code.during("an event is not recorded"));
    for (index, event) in events.iter().enumerate() {
        place(event)?;
        if let Some(launch) = launches.get(index) {
            kernels.launch(stream, launch)?;
        }
    }
    Ok(())
}
