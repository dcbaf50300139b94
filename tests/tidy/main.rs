//! House rules that a machine can check, and the reference documents that are generated from the program.

// Only a module that says so is test code to clippy.
#[cfg(test)]
mod errors;
#[cfg(test)]
mod passes;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod tree;
