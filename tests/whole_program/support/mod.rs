//! What the tests share: running the program, the trained models, the library's path, and small files.

pub mod browser;
pub mod checkpoint;
pub mod command;
pub mod library;
pub mod tensors;
pub mod tiny;
