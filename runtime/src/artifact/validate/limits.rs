//! Sizes that an artifact may not exceed, so that nobody allocates or loops for what a hostile file claims.

/// Longest run, in steps.
pub const MAX_STEPS: u32 = 1_000_000;
/// Most frames of a sample of events.
pub const MAX_FRAMES: u32 = 4096;
/// Most events of one element in one frame: what 16 bits count.
pub const MAX_FRAME_EVENTS: i32 = u16::MAX as i32;
/// Longest delay, in steps.
pub const MAX_DELAY: u32 = 1024;
/// Largest magnitude of what a graded neuron sends in one step.
pub const MAX_PAYLOAD: i32 = i16::MAX as i32;
/// Most axes of a value.
pub const MAX_RANK: usize = 8;
/// Most elements of one value.
pub const MAX_ELEMENTS: usize = 1 << 24;
/// Most elements of all values together.
pub const MAX_TOTAL_ELEMENTS: usize = 1 << 27;
/// Most elements under delay, elements times steps, of all neurons together.
pub const MAX_DELAYED_ELEMENTS: usize = 1 << 27;
/// Most pairs of an output row (or column) and a row (or column) of its window, of one op.
pub const MAX_WINDOW_PAIRS: usize = 1 << 24;
