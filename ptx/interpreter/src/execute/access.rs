//! Loads and stores.

use multiversion::multiversion;

use super::fault::{Fault, FaultKind};
use super::lanes::{Lanes, Register, Value, lanes_of};
use super::{ALL, Env};
use crate::op::{Access, Element, File, Space};

/// Memory around an address.
struct View<'m> {
    base: u64,
    bytes: &'m [u8],
    /// Number of the allocation.
    number: usize,
}

/// The allocation around an address, if there is one.
#[inline(always)]
fn view<'m>(env: &'m Env<'_>, space: Space, address: u64, hint: usize) -> Option<View<'m>> {
    let memory = match space {
        Space::Global => &*env.global,
        Space::Const => &*env.constants,
        Space::Shared => return Some(View { base: 0, bytes: &env.shared, number: 0 }),
    };
    let number = memory.find(address, hint)?;
    let region = memory.region(number)?;
    Some(View { base: region.base, bytes: &region.bytes, number })
}

/// How the addresses of lanes lie to each other.
#[derive(PartialEq)]
enum Pattern {
    /// All the same.
    Same,
    /// One element after the other.
    Sequence,
    Other,
}

/// The addresses of the lanes, and how they lie to each other.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn locate(bases: &Register<u64>, offset: i64, size: u64, mask: u32, out: &mut Register<u64>) -> Pattern {
    let (mut same, mut sequence) = (0, 0);
    for (lane, (address, base)) in out.iter_mut().zip(bases).enumerate() {
        *address = base.wrapping_add_signed(offset);
        let distance = base.wrapping_sub(bases[0]);
        same |= distance;
        sequence |= distance ^ (lane as u64 * size);
    }
    match (mask, same, sequence) {
        (ALL, 0, _) => Pattern::Same,
        (ALL, _, 0) => Pattern::Sequence,
        _ => Pattern::Other,
    }
}

#[cold]
fn outside(space: Space, address: u64, bytes: usize, lane: usize) -> Fault {
    FaultKind::OutOfBounds { space, address, bytes }.at(lane as u32)
}

#[cold]
fn misaligned(address: u64, bytes: usize, lane: usize) -> Fault {
    FaultKind::Misaligned { address, bytes }.at(lane as u32)
}

/// `bytes[offset..offset + SIZE]`.
#[inline(always)]
fn piece<const SIZE: usize>(bytes: &[u8], offset: usize) -> Option<[u8; SIZE]> {
    bytes.get(offset..)?.first_chunk().copied()
}

/// Runs a load.
pub(crate) fn load(
    l: &mut Lanes,
    m: u32,
    access: &Access,
    env: &mut Env<'_>,
    pc: usize,
) -> Result<(), Fault> {
    let wide = access.file == File::W64;
    let half = access.file == File::W16;
    match access.element {
        Element::U8 if wide => load_as(l, m, access, env, pc, |[x]: [u8; 1]| u64::from(x)),
        Element::U8 => load_as(l, m, access, env, pc, |[x]: [u8; 1]| u32::from(x)),
        Element::S8 if wide => load_as(l, m, access, env, pc, |[x]: [u8; 1]| x as i8 as u64),
        Element::S8 if half => load_as(l, m, access, env, pc, |[x]: [u8; 1]| u32::from(x as i8 as u16)),
        Element::S8 => load_as(l, m, access, env, pc, |[x]: [u8; 1]| x as i8 as u32),
        Element::U16 if wide => load_as(l, m, access, env, pc, |x| u64::from(u16::from_le_bytes(x))),
        Element::S16 if wide => load_as(l, m, access, env, pc, |x| i16::from_le_bytes(x) as u64),
        Element::S16 if !half => load_as(l, m, access, env, pc, |x| i16::from_le_bytes(x) as u32),
        Element::U16 | Element::S16 => load_as(l, m, access, env, pc, |x| u32::from(u16::from_le_bytes(x))),
        Element::S32 if wide => load_as(l, m, access, env, pc, |x| i32::from_le_bytes(x) as u64),
        Element::B32 if wide => load_as(l, m, access, env, pc, |x| u64::from(u32::from_le_bytes(x))),
        Element::B32 | Element::S32 => load_as(l, m, access, env, pc, u32::from_le_bytes),
        Element::B64 => load_as(l, m, access, env, pc, u64::from_le_bytes),
    }
}

#[inline(always)]
fn load_as<const SIZE: usize, T: Value>(
    l: &mut Lanes,
    m: u32,
    access: &Access,
    env: &mut Env<'_>,
    pc: usize,
    value: impl Fn([u8; SIZE]) -> T,
) -> Result<(), Fault> {
    match access.count {
        1 => load_each::<SIZE, 1, T>(l, m, access, env, pc, value),
        2 => load_each::<SIZE, 2, T>(l, m, access, env, pc, value),
        _ => load_each::<SIZE, 4, T>(l, m, access, env, pc, value),
    }
}

fn load_each<const SIZE: usize, const COUNT: usize, T: Value>(
    l: &mut Lanes,
    m: u32,
    access: &Access,
    env: &mut Env<'_>,
    pc: usize,
    value: impl Fn([u8; SIZE]) -> T,
) -> Result<(), Fault> {
    let size = SIZE * COUNT;
    let mut addresses = [0; 32];
    let pattern = locate(l.get(access.base), access.offset, size as u64, m, &mut addresses);
    let first = m.trailing_zeros() as usize & 31;
    let hint = env.hints.get(pc).copied().unwrap_or(0);
    let space = access.space;
    let found = view(env, space, addresses[first], hint);
    let Some(mut view_now) = found else { return Err(outside(space, addresses[first], size, first)) };
    let number = view_now.number;
    let mut out = [[T::default(); 32]; COUNT];
    let start = addresses[0].wrapping_sub(view_now.base) as usize;
    let aligned = addresses[0].is_multiple_of(size as u64);
    match pattern {
        Pattern::Same if aligned && view_now.bytes.len().saturating_sub(start) >= size => {
            for (part, out) in out.iter_mut().enumerate() {
                if let Some(piece) = piece(view_now.bytes, start + part * SIZE) {
                    *out = [value(piece); 32];
                }
            }
        }
        Pattern::Sequence if aligned && view_now.bytes.len().saturating_sub(start) >= 32 * size => {
            let run = view_now.bytes.get(start..start + 32 * size).unwrap_or_default();
            for (lane, element) in run.chunks_exact(size).enumerate() {
                for (part, out) in out.iter_mut().enumerate() {
                    if let Some(piece) = piece(element, part * SIZE) {
                        out[lane] = value(piece);
                    }
                }
            }
        }
        _ => {
            for lane in lanes_of(m) {
                let address = addresses[lane];
                if !address.is_multiple_of(size as u64) {
                    return Err(misaligned(address, size, lane));
                }
                let mut offset = address.wrapping_sub(view_now.base) as usize;
                if offset >= view_now.bytes.len() {
                    let other = view(env, space, address, number);
                    view_now = other.ok_or_else(|| outside(space, address, size, lane))?;
                    offset = address.wrapping_sub(view_now.base) as usize;
                }
                // An element that is aligned and begins in an allocation may still end outside.
                let Some(element) = view_now.bytes.get(offset..).and_then(|bytes| bytes.get(..size)) else {
                    return Err(outside(space, address, size, lane));
                };
                for (part, out) in out.iter_mut().enumerate() {
                    if let Some(piece) = piece(element, part * SIZE) {
                        out[lane] = value(piece);
                    }
                }
            }
        }
    }
    for (slot, out) in access.registers.iter().zip(&out) {
        l.set(*slot, out, m);
    }
    if let Some(hint) = env.hints.get_mut(pc) {
        *hint = number;
    }
    if space == Space::Global {
        env.loaded += u64::from(m.count_ones()) * size as u64;
    }
    Ok(())
}

/// Runs a store. Where lanes store to the same address, the last one stays.
pub(crate) fn store(
    l: &mut Lanes,
    m: u32,
    access: &Access,
    env: &mut Env<'_>,
    pc: usize,
) -> Result<(), Fault> {
    match (access.element, access.file) {
        (Element::U8 | Element::S8, File::W64) => store_as(l, m, access, env, pc, |x: u64| [x as u8]),
        (Element::U8 | Element::S8, _) => store_as(l, m, access, env, pc, |x: u32| [x as u8]),
        (Element::U16 | Element::S16, File::W64) => {
            store_as(l, m, access, env, pc, |x: u64| (x as u16).to_le_bytes())
        }
        (Element::U16 | Element::S16, _) => {
            store_as(l, m, access, env, pc, |x: u32| (x as u16).to_le_bytes())
        }
        (Element::B32 | Element::S32, File::W64) => {
            store_as(l, m, access, env, pc, |x: u64| (x as u32).to_le_bytes())
        }
        (Element::B32 | Element::S32, _) => store_as(l, m, access, env, pc, u32::to_le_bytes),
        (Element::B64, _) => store_as(l, m, access, env, pc, u64::to_le_bytes),
    }
}

#[inline(always)]
fn store_as<const SIZE: usize, T: Value>(
    l: &mut Lanes,
    m: u32,
    access: &Access,
    env: &mut Env<'_>,
    pc: usize,
    bytes: impl Fn(T) -> [u8; SIZE],
) -> Result<(), Fault> {
    match access.count {
        1 => store_each::<SIZE, 1, T>(l, m, access, env, pc, bytes),
        2 => store_each::<SIZE, 2, T>(l, m, access, env, pc, bytes),
        _ => store_each::<SIZE, 4, T>(l, m, access, env, pc, bytes),
    }
}

fn store_each<const SIZE: usize, const COUNT: usize, T: Value>(
    l: &Lanes,
    m: u32,
    access: &Access,
    env: &mut Env<'_>,
    pc: usize,
    bytes: impl Fn(T) -> [u8; SIZE],
) -> Result<(), Fault> {
    let size = SIZE * COUNT;
    let mut addresses = [0; 32];
    let pattern = locate(l.get(access.base), access.offset, size as u64, m, &mut addresses);
    let values: [&Register<T>; COUNT] = std::array::from_fn(|part| l.get::<T>(access.registers[part]));
    let space = access.space;
    let mut hint = env.hints.get(pc).copied().unwrap_or(0);
    if pattern == Pattern::Sequence && addresses[0].is_multiple_of(size as u64) {
        // All lanes in one piece, if it is in one allocation.
        let run = window(env, space, addresses[0], &mut hint).and_then(|(base, bytes)| {
            let start = addresses[0].wrapping_sub(base) as usize;
            bytes.get_mut(start..)?.get_mut(..32 * size)
        });
        if let Some(run) = run {
            for (lane, target) in run.chunks_exact_mut(size).enumerate() {
                for (target, values) in target.chunks_exact_mut(SIZE).zip(&values) {
                    target.copy_from_slice(&bytes(values[lane]));
                }
            }
            if let Some(entry) = env.hints.get_mut(pc) {
                *entry = hint;
            }
            return Ok(());
        }
    }
    let mut base = 0;
    let mut region: Option<&mut [u8]> = None;
    for lane in lanes_of(m) {
        let address = addresses[lane];
        if !address.is_multiple_of(size as u64) {
            return Err(misaligned(address, size, lane));
        }
        let mut offset = address.wrapping_sub(base) as usize;
        if region.as_ref().is_none_or(|region| offset >= region.len()) {
            let found = window(env, space, address, &mut hint);
            let Some((start, bytes)) = found else { return Err(outside(space, address, size, lane)) };
            offset = address.wrapping_sub(start) as usize;
            base = start;
            region = Some(bytes);
        }
        let target = region.as_mut().and_then(|bytes| bytes.get_mut(offset..)?.get_mut(..size));
        let Some(target) = target else { return Err(outside(space, address, size, lane)) };
        for (target, values) in target.chunks_exact_mut(SIZE).zip(&values) {
            target.copy_from_slice(&bytes(values[lane]));
        }
    }
    if let Some(entry) = env.hints.get_mut(pc) {
        *entry = hint;
    }
    Ok(())
}

/// Memory around an address, to write to, and its first address.
pub(crate) fn window<'m>(
    env: &'m mut Env<'_>,
    space: Space,
    address: u64,
    hint: &mut usize,
) -> Option<(u64, &'m mut [u8])> {
    let memory = match space {
        Space::Global => &mut *env.global,
        Space::Shared => return Some((0, &mut env.shared)),
        Space::Const => return None,
    };
    *hint = memory.find(address, *hint)?;
    let region = memory.region_mut(*hint)?;
    Some((region.base, &mut region.bytes))
}
