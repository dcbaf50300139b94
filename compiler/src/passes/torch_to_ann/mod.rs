//! Passes from the `torch` dialect to the `ann` dialect.

mod averages;
mod convolution;
mod curves;
mod dense;
pub mod lower_torch_to_ann;
mod maxima;
mod site;
mod windows;
