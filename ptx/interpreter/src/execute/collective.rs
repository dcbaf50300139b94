//! What the lanes of a warp do together.

use super::fault::{Fault, FaultKind};
use super::lanes::{Lanes, lanes_of};
use super::mma;
use super::{ALL, LANES};
use crate::op::{Binary, Mma, Op, Shuffle, Slot, Vote};

/// Runs an instruction of the lanes that its mask names.
pub(crate) fn run(l: &mut Lanes, m: u32, live: u32, op: &Op) -> Result<(), Fault> {
    match *op {
        Op::Shuffle { mode, d, inside, a, b, c, members: of } => {
            members(l, m, live, of)?;
            shuffle(l, m, mode, d, inside, [a, b, c])?;
        }
        Op::Vote { mode, d, a, negated, members: of } => {
            members(l, m, live, of)?;
            let votes = l.predicates[a as usize] ^ if negated { ALL } else { 0 };
            vote(l, m, mode, d, votes);
        }
        Op::Reduce { op, d, a, members: of } => {
            members(l, m, live, of)?;
            reduce(l, m, op, d, a);
        }
        Op::WarpSync { members: of } => members(l, m, live, of)?,
        _ => {}
    }
    Ok(())
}

/// All lanes of a mask that have not ended have to be at the instruction, and no others. `live` are those not ended.
fn members(l: &Lanes, m: u32, live: u32, members: Slot) -> Result<(), Fault> {
    let masks = l.get::<u32>(members);
    match lanes_of(m).find(|&lane| masks[lane] & live != m) {
        Some(lane) => Err(FaultKind::Members { members: masks[lane], active: m }.at(lane as u32)),
        None => Ok(()),
    }
}

/// `shfl.sync`.
fn shuffle(
    l: &mut Lanes,
    m: u32,
    mode: Shuffle,
    d: Slot,
    inside: Option<Slot>,
    [a, b, c]: [Slot; 3],
) -> Result<(), Fault> {
    let (a, b, c) = (l.get::<u32>(a), l.get::<u32>(b), l.get::<u32>(c));
    let mut out = [0; 32];
    let mut found = 0;
    for lane in lanes_of(m) {
        let this = lane as u32;
        let (b, segment, clamp) = (b[lane] & 31, c[lane] >> 8 & 31, c[lane] & 31);
        let last = this & segment | clamp & !segment;
        let (from, within) = match mode {
            Shuffle::Up => (this.wrapping_sub(b), this as i64 - i64::from(b) >= i64::from(last)),
            Shuffle::Down => (this + b, this + b <= last),
            Shuffle::Butterfly => (this ^ b, this ^ b <= last),
            Shuffle::Index => {
                let from = this & segment | b & !segment;
                (from, from <= last)
            }
        };
        let from = if within { from } else { this };
        if from >= LANES || m >> from & 1 == 0 {
            return Err(FaultKind::Inactive(from).at(this));
        }
        out[lane] = a[from as usize];
        found |= u32::from(within) << lane;
    }
    l.set(d, &out, m);
    if let Some(inside) = inside {
        l.set_predicate(inside, found, m);
    }
    Ok(())
}

/// `vote.sync`.
fn vote(l: &mut Lanes, m: u32, mode: Vote, d: Slot, votes: u32) {
    let votes = votes & m;
    let result = match mode {
        Vote::All => votes == m,
        Vote::Any => votes != 0,
        Vote::Uniform => votes == m || votes == 0,
        Vote::Ballot => return l.set(d, &[votes; 32], m),
    };
    l.set_predicate(d, if result { ALL } else { 0 }, m);
}

/// `redux.sync`.
fn reduce(l: &mut Lanes, m: u32, op: Binary, d: Slot, a: Slot) {
    let values = l.get::<u32>(a);
    let all = lanes_of(m).map(|lane| values[lane]);
    let result = all.reduce(|x, y| match op {
        Binary::MinS => (x as i32).min(y as i32) as u32,
        Binary::MinU => x.min(y),
        Binary::MaxS => (x as i32).max(y as i32) as u32,
        Binary::MaxU => x.max(y),
        Binary::And => x & y,
        Binary::Or => x | y,
        Binary::Xor => x ^ y,
        _ => x.wrapping_add(y),
    });
    l.set(d, &[result.unwrap_or(0); 32], m);
}

/// `mma.sync`, which all lanes have to be at.
pub(crate) fn mma(l: &mut Lanes, m: u32, mma: &Mma) -> Result<(), Fault> {
    if m != ALL {
        let lane = if m == 0 { 0 } else { m.trailing_zeros() };
        return Err(FaultKind::Members { members: ALL, active: m }.at(lane));
    }
    let a = mma.a.map(|slot| *l.get::<u32>(slot));
    let b = mma.b.map(|slot| *l.get::<u32>(slot));
    let c = mma.c.map(|slot| *l.get::<u32>(slot));
    let out = mma::multiply(mma, &a, &b, &c);
    for (slot, out) in mma.d.iter().zip(&out) {
        l.set(*slot, out, m);
    }
    Ok(())
}
