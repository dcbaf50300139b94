//! Progress: bars on a terminal, silence in a pipe, lines of JSON for programs.

use crate::messages;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use neurocuda_compiler::session::Progress;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Programs are told no more often than this, but for the first and the last step.
const INTERVAL: Duration = Duration::from_millis(100);

/// How far one piece of work is.
pub struct Bar {
    what: String,
    length: usize,
    /// When programs were told last.
    told: Mutex<Option<Instant>>,
    bar: ProgressBar,
}

/// A bar for `length` steps of `what`.
pub fn bar(what: &str, length: usize) -> Bar {
    let bar = if messages::is_json() {
        ProgressBar::hidden()
    } else {
        ProgressBar::with_draw_target(Some(length as u64), ProgressDrawTarget::stderr())
    };
    if let Ok(style) = ProgressStyle::with_template("{msg:>20} {bar:30} {pos}/{len} {elapsed} (eta {eta})") {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    Bar { what: what.to_owned(), length, told: Mutex::new(None), bar }
}

impl Bar {
    /// So many steps are done.
    pub fn set_position(&self, done: u64) {
        self.bar.set_position(done);
        if messages::is_json() {
            self.tell(done);
        }
    }

    fn tell(&self, done: u64) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let last = done >= self.length as u64;
        if last || told.is_none_or(|told| told.elapsed() >= INTERVAL) {
            *told = Some(Instant::now());
            messages::progress(&self.what, done as usize, self.length);
        }
    }

    /// One more step is done.
    pub fn inc(&self) {
        self.bar.inc(1);
        if messages::is_json() {
            self.tell(self.bar.position());
        }
    }

    /// So many more steps are done.
    pub fn inc_by(&self, steps: usize) {
        self.bar.inc(steps as u64);
        if messages::is_json() {
            self.tell(self.bar.position());
        }
    }

    /// The work is over.
    pub fn finish_and_clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// A bar for whatever is reported, one after the other.
pub fn any() -> Progress {
    let current: Mutex<Option<Bar>> = Mutex::new(None);
    Arc::new(move |what, done, all| {
        let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = current.take_if(|bar| bar.what != what) {
            before.finish_and_clear();
        }
        let bar = current.get_or_insert_with(|| bar(what, all));
        bar.set_position(done as u64);
        if done >= all {
            bar.finish_and_clear();
        }
    })
}
