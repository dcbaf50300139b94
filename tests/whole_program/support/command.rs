//! Runs the program and looks at how it ended.

use std::{
    ffi::OsStr,
    process::{Command, Stdio},
};

/// How a run ended.
#[derive(Debug)]
pub struct Finished {
    /// Exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs `neurocudac` with `arguments` and then `more`. Whatever it is given, it must not panic nor be killed by a signal.
pub fn neurocudac(arguments: &[&dyn AsRef<OsStr>], more: &[&str]) -> Finished {
    neurocudac_with(&[], arguments, more)
}

/// The same, with variables in its environment.
pub fn neurocudac_with(
    variables: &[(&str, &OsStr)],
    arguments: &[&dyn AsRef<OsStr>],
    more: &[&str],
) -> Finished {
    let arguments = arguments.iter().map(|argument| argument.as_ref()).chain(more.iter().map(OsStr::new));
    let arguments = arguments.collect::<Vec<_>>();
    let output = Command::new(env!("CARGO_BIN_EXE_neurocudac"))
        .args(&arguments)
        .env_remove("RAYON_NUM_THREADS")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    let finished = Finished {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    assert!(finished.code.is_some(), "{arguments:?} was killed: {finished:?}");
    assert!(!finished.stderr.contains("panicked"), "{arguments:?} panicked: {}", finished.stderr);
    finished
}

impl Finished {
    /// Demands success.
    pub fn succeeds(self) -> Self {
        self.ends_with(0)
    }

    /// Demands an exit code.
    pub fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Demands a text on standard error.
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "`{text}` is not in:\n{}", self.stderr);
        self
    }
}
