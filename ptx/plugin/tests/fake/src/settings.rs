//! What the driver is to be like.

use std::{collections::HashMap, env};

/// See the crate's documentation.
pub struct Settings {
    pub devices: u32,
    pub capability: u32,
    pub memory: u64,
    pub driver: u32,
    /// Status by name of a call.
    pub failures: HashMap<String, u32>,
}

impl Settings {
    pub fn of_the_environment() -> Self {
        Self::parse(&env::var("NEUROCUDA_FAKE_CUDA").unwrap_or_default())
    }

    pub fn parse(text: &str) -> Self {
        let mut settings =
            Self { devices: 1, capability: 90, memory: 1 << 30, driver: 13000, failures: HashMap::new() };
        for pair in text.split(',').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').expect("name=value");
            let value = value.parse::<u64>().expect("a number");
            match name {
                "devices" => settings.devices = value as u32,
                "capability" => settings.capability = value as u32,
                "memory" => settings.memory = value,
                "driver" => settings.driver = value as u32,
                call => drop(settings.failures.insert(call.to_owned(), value as u32)),
            }
        }
        settings
    }
}
