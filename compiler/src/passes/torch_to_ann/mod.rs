//! Passes from the `torch` dialect to the `ann` dialect.

mod averages;
mod constants;
mod convolution;
mod curves;
mod dense;
mod layouts;
pub mod lower_torch_to_ann;
mod maxima;
mod site;
mod windows;
