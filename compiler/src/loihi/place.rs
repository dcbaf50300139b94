//! Places cores on the mesh so that spikes travel few hops.
//!
//! Messages go first along the rows and then along the columns of the mesh, from tile to tile, so that a message from tile to tile
//! takes as many hops as they are apart. Chips stand in a row and continue each other's mesh.

use super::chip::Chip;
use serde::Serialize;

/// Most terms of the search that are computed; it stops there with what it has.
const MOST_TERMS: u64 = 400_000_000;

/// Place of a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
pub struct Place {
    /// Number of the chip.
    pub chip: u32,
    /// Column of the tile on its chip.
    pub column: u32,
    /// Row of the tile.
    pub row: u32,
    /// Number of the core in its tile.
    pub core: u32,
}

/// Messages from one core to another, by the cores' numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// Core that sends.
    pub from: usize,
    /// Core that receives.
    pub to: usize,
    /// Neurons of the one that reach the other.
    pub neurons: u64,
}

/// Where each core stands, and what that makes of the way of spikes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Place of each core.
    pub places: Vec<Place>,
    /// Hops of one spike of every neuron, with cores in the order of their layers, tile by tile.
    pub hops_before: u64,
    /// The same with these places.
    pub hops_after: u64,
}

impl Place {
    /// Hops from here to `other`.
    pub fn hops(self, other: Self, chip: &Chip) -> u64 {
        let column =
            |place: Self| u64::from(place.chip) * u64::from(chip.mesh.columns) + u64::from(place.column);
        column(self).abs_diff(column(other)) + u64::from(self.row.abs_diff(other.row))
    }
}

/// The places of one chip after the other, row by row; odd rows backwards if `turning`, so that neighbours in the list are
/// neighbours on the mesh.
fn places(chip: &Chip, chips: u32, turning: bool) -> Vec<Place> {
    let mesh = &chip.mesh;
    let mut places = Vec::new();
    for number in 0..chips {
        let tiles = (0..mesh.rows).flat_map(|row| {
            let columns = (0..mesh.columns)
                .map(move |column| if turning && row % 2 == 1 { mesh.columns - 1 - column } else { column });
            columns.map(move |column| (column, row))
        });
        let all = tiles.flat_map(|(column, row)| {
            (0..mesh.cores_per_tile).map(move |core| Place { chip: number, column, row, core })
        });
        places.extend(all.take(mesh.cores as usize));
    }
    places
}

/// Places `cores` cores on as few chips as hold them; `None` if there are not enough.
///
/// Starts with the order of layers along a line that winds through the mesh, and then exchanges pairs of places, in a fixed order, as
/// long as that saves hops.
pub fn place(chip: &Chip, cores: usize, traffic: &[Traffic]) -> Option<Placement> {
    let chips = cores.div_ceil(chip.mesh.cores as usize).max(1);
    let chips = u32::try_from(chips).ok().filter(|&chips| chips <= chip.chips)?;
    let line = places(chip, chips, false);
    let sum = |places: &[Place]| {
        traffic.iter().map(|t| t.neurons * places[t.from].hops(places[t.to], chip)).sum::<u64>()
    };
    let hops_before = sum(&line);
    let mut places = places(chip, chips, true);
    if sum(&places) > hops_before {
        places = line;
    }
    improve(chip, &mut places, cores, traffic);
    places.truncate(cores);
    let hops_after = sum(&places);
    Some(Placement { places, hops_before, hops_after })
}

/// Exchanges places as long as that saves hops; those from `cores` on are empty.
fn improve(chip: &Chip, places: &mut [Place], cores: usize, traffic: &[Traffic]) {
    let mut neighbours = vec![Vec::<(usize, u64)>::new(); places.len()];
    for t in traffic.iter().filter(|t| t.from != t.to) {
        neighbours[t.from].push((t.to, t.neurons));
        neighbours[t.to].push((t.from, t.neurons));
    }
    let cost = |places: &[Place], core: usize, at: Place, other: usize| {
        let away = neighbours[core].iter().filter(|(neighbour, _)| *neighbour != other);
        away.map(|(neighbour, neurons)| neurons * at.hops(places[*neighbour], chip)).sum::<u64>()
    };
    let mut terms = 0;
    loop {
        let mut better = false;
        for a in 0..cores {
            for b in a + 1..places.len() {
                let (here, there) = (places[a], places[b]);
                if (here.chip, here.column, here.row) == (there.chip, there.column, there.row) {
                    continue;
                }
                let before = cost(places, a, here, b) + cost(places, b, there, a);
                let after = cost(places, a, there, b) + cost(places, b, here, a);
                terms += 2 * (neighbours[a].len() + neighbours[b].len()) as u64;
                if after < before {
                    places.swap(a, b);
                    better = true;
                }
                if terms > MOST_TERMS {
                    return;
                }
            }
        }
        if !better {
            return;
        }
    }
}
