//! From a spiking network to populations, synapse tables and axons of Loihi 2.

pub mod lower_to_loihi;
