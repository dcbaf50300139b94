//! Atomic operations: one lane after the other.

use super::Env;
use super::access::window;
use super::fault::{Fault, FaultKind};
use super::lanes::{Lanes, lanes_of};
use crate::op::{Atomic, AtomicOp};

/// Runs an atomic operation.
pub(crate) fn atomic(
    l: &mut Lanes,
    m: u32,
    atomic: &Atomic,
    env: &mut Env<'_>,
    pc: usize,
) -> Result<(), Fault> {
    let bases = *l.get::<u64>(atomic.base);
    let size = if atomic.wide { 8 } else { 4 };
    let mut hint = env.hints.get(pc).copied().unwrap_or(0);
    let mut old = [0u64; 32];
    for lane in lanes_of(m) {
        let address = bases[lane].wrapping_add_signed(atomic.offset);
        if !address.is_multiple_of(size as u64) {
            return Err(FaultKind::Misaligned { address, bytes: size }.at(lane as u32));
        }
        let place = window(env, atomic.space, address, &mut hint).and_then(|(base, bytes)| {
            let offset = usize::try_from(address.wrapping_sub(base)).ok()?;
            bytes.get_mut(offset..)?.get_mut(..size)
        });
        let Some(place) = place else {
            let kind = FaultKind::OutOfBounds { space: atomic.space, address, bytes: size };
            return Err(kind.at(lane as u32));
        };
        if atomic.wide {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(place);
            let value = u64::from_le_bytes(bytes);
            let (a, b) = (l.get::<u64>(atomic.a)[lane], l.get::<u64>(atomic.b)[lane]);
            place.copy_from_slice(&wide(atomic.op, value, a, b).to_le_bytes());
            old[lane] = value;
        } else {
            let mut bytes = [0; 4];
            bytes.copy_from_slice(place);
            let value = u32::from_le_bytes(bytes);
            let (a, b) = (l.get::<u32>(atomic.a)[lane], l.get::<u32>(atomic.b)[lane]);
            place.copy_from_slice(&narrow(atomic.op, value, a, b).to_le_bytes());
            old[lane] = u64::from(value);
        }
    }
    if let Some(entry) = env.hints.get_mut(pc) {
        *entry = hint;
    }
    match atomic.old {
        Some(slot) if atomic.wide => l.set(slot, &old, m),
        Some(slot) => l.set(slot, &old.map(|value| value as u32), m),
        None => {}
    }
    Ok(())
}

fn narrow(op: AtomicOp, old: u32, a: u32, b: u32) -> u32 {
    match op {
        AtomicOp::MinS => (old as i32).min(a as i32) as u32,
        AtomicOp::MaxS => (old as i32).max(a as i32) as u32,
        AtomicOp::Add => old.wrapping_add(a),
        AtomicOp::Increment if old >= a => 0,
        AtomicOp::Increment => old.wrapping_add(1),
        AtomicOp::Decrement if old == 0 || old > a => a,
        AtomicOp::Decrement => old.wrapping_sub(1),
        // Signs and carries do not matter to the others.
        _ => wide(op, old.into(), a.into(), b.into()) as u32,
    }
}

fn wide(op: AtomicOp, old: u64, a: u64, b: u64) -> u64 {
    match op {
        AtomicOp::Add => old.wrapping_add(a),
        AtomicOp::And => old & a,
        AtomicOp::Or => old | a,
        AtomicOp::Xor => old ^ a,
        AtomicOp::MinS => (old as i64).min(a as i64) as u64,
        AtomicOp::MinU => old.min(a),
        AtomicOp::MaxS => (old as i64).max(a as i64) as u64,
        AtomicOp::MaxU => old.max(a),
        AtomicOp::Exchange => a,
        AtomicOp::CompareAndSwap if old == a => b,
        AtomicOp::CompareAndSwap => old,
        AtomicOp::Increment if old >= a => 0,
        AtomicOp::Increment => old.wrapping_add(1),
        AtomicOp::Decrement if old == 0 || old > a => a,
        AtomicOp::Decrement => old.wrapping_sub(1),
    }
}
