//! Runs LLVM's `lit` over `lit-tests/`, with the binary that cargo has just built.

use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

/// LLVM 22's folder: that of the environment, or Debian's place.
fn llvm() -> PathBuf {
    let named = ["LLVM_PREFIX", "MLIR_SYS_220_PREFIX"].iter().find_map(env::var_os);
    named.map_or_else(|| PathBuf::from("/usr/lib/llvm-22"), PathBuf::from)
}

/// What is missing here to run the tests.
fn missing(llvm: &Path) -> Option<String> {
    let tools = ["lit", "FileCheck", "split-file", "not"].map(|tool| llvm.join("bin").join(tool));
    if let Some(tool) = tools.iter().find(|tool| !tool.is_file()) {
        return Some(format!("there is no {}", tool.display()));
    }
    let python = Command::new("python3").arg("--version").output();
    python.is_err().then(|| "there is no python3, which lit needs".to_owned())
}

#[test]
fn lit_tests_pass() {
    let llvm = llvm();
    if let Some(missing) = missing(&llvm) {
        // Past libtest's capture: a skipped test must be seen to be one.
        let line = format!("\nskipped: the lit tests; {missing}; scripts/setup.sh installs it\n");
        std::io::stderr().write_all(line.as_bytes()).expect("standard error is open");
        return;
    }
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lit-tests");
    let lit = Command::new(llvm.join("bin/lit"))
        .arg("-v")
        .arg(tests)
        .env("NEUROCUDAC", env!("CARGO_BIN_EXE_neurocudac"))
        .env("LLVM_PREFIX", &llvm)
        // lit-tests/lit.cfg.py writes below this folder.
        .env("CARGO_TARGET_DIR", env!("CARGO_TARGET_TMPDIR"))
        .output()
        .expect("lit starts");
    let output = String::from_utf8_lossy(&lit.stdout) + String::from_utf8_lossy(&lit.stderr);
    assert!(lit.status.success(), "lit failed:\n{output}");
    assert!(output.contains("Passed"), "lit found no tests:\n{output}");
}
