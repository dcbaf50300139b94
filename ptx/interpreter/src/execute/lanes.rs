//! Registers of a warp.

use super::ALL;
use crate::op::Slot;

/// A register: one value per lane.
pub(crate) type Register<T> = [T; 32];

/// Register files of a warp.
#[derive(Debug)]
pub(crate) struct Lanes {
    pub(crate) r32: Vec<Register<u32>>,
    pub(crate) r64: Vec<Register<u64>>,
    /// One bit per lane.
    pub(crate) predicates: Vec<u32>,
}

/// A value in a register file.
pub(crate) trait Value: Copy + Default {
    fn file(lanes: &Lanes) -> &[Register<Self>];
    fn file_mut(lanes: &mut Lanes) -> &mut [Register<Self>];
}

impl Value for u32 {
    #[inline(always)]
    fn file(lanes: &Lanes) -> &[Register<Self>] {
        &lanes.r32
    }
    #[inline(always)]
    fn file_mut(lanes: &mut Lanes) -> &mut [Register<Self>] {
        &mut lanes.r32
    }
}

impl Value for u64 {
    #[inline(always)]
    fn file(lanes: &Lanes) -> &[Register<Self>] {
        &lanes.r64
    }
    #[inline(always)]
    fn file_mut(lanes: &mut Lanes) -> &mut [Register<Self>] {
        &mut lanes.r64
    }
}

/// Writes the lanes of `mask`.
#[inline(always)]
pub(crate) fn put<T: Copy>(register: &mut Register<T>, values: &Register<T>, mask: u32) {
    if mask == ALL {
        *register = *values;
        return;
    }
    for (lane, (to, from)) in register.iter_mut().zip(values).enumerate() {
        *to = if mask >> lane & 1 != 0 { *from } else { *to };
    }
}

/// One bit per lane.
#[inline(always)]
pub(crate) fn bits(test: impl Fn(usize) -> bool) -> u32 {
    let mut bits = [0; 32];
    for (lane, bit) in bits.iter_mut().enumerate() {
        *bit = if test(lane) { 1 << lane } else { 0 };
    }
    bits.iter().fold(0, |mask, bit| mask | bit)
}

/// Lanes of a mask.
pub(crate) fn lanes_of(mut mask: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lane = mask.trailing_zeros();
        mask &= mask.wrapping_sub(1);
        (lane < 32).then_some(lane as usize)
    })
}

impl Lanes {
    #[inline(always)]
    pub(crate) fn get<T: Value>(&self, slot: Slot) -> &Register<T> {
        &T::file(self)[slot as usize]
    }

    #[inline(always)]
    pub(crate) fn set<T: Value>(&mut self, slot: Slot, values: &Register<T>, mask: u32) {
        put(&mut T::file_mut(self)[slot as usize], values, mask);
    }

    #[inline(always)]
    pub(crate) fn set_predicate(&mut self, slot: Slot, bits: u32, mask: u32) {
        let predicate = &mut self.predicates[slot as usize];
        *predicate = bits & mask | *predicate & !mask;
    }

    /// `d = f(a)`.
    #[inline(always)]
    pub(crate) fn map<A: Value, D: Value>(&mut self, mask: u32, d: Slot, a: Slot, f: impl Fn(A) -> D) {
        let mut out = [D::default(); 32];
        let a = self.get::<A>(a);
        for (out, a) in out.iter_mut().zip(a) {
            *out = f(*a);
        }
        self.set(d, &out, mask);
    }

    /// `d = f(a, b)`.
    #[inline(always)]
    pub(crate) fn zip<A: Value, B: Value, D: Value>(
        &mut self,
        mask: u32,
        [d, a, b]: [Slot; 3],
        f: impl Fn(A, B) -> D,
    ) {
        let mut out = [D::default(); 32];
        let (a, b) = (self.get::<A>(a), self.get::<B>(b));
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out = f(*a, *b);
        }
        self.set(d, &out, mask);
    }

    /// `d = f(a, b, c)`.
    #[inline(always)]
    pub(crate) fn zip3<A: Value, B: Value, C: Value, D: Value>(
        &mut self,
        mask: u32,
        [d, a, b, c]: [Slot; 4],
        f: impl Fn(A, B, C) -> D,
    ) {
        let mut out = [D::default(); 32];
        let (a, b, c) = (self.get::<A>(a), self.get::<B>(b), self.get::<C>(c));
        for (((out, a), b), c) in out.iter_mut().zip(a).zip(b).zip(c) {
            *out = f(*a, *b, *c);
        }
        self.set(d, &out, mask);
    }

    /// One bit per lane: `f(a, b)`.
    #[inline(always)]
    pub(crate) fn test<T: Value>(&self, a: Slot, b: Slot, f: impl Fn(T, T) -> bool) -> u32 {
        let (a, b) = (self.get::<T>(a), self.get::<T>(b));
        bits(|lane| f(a[lane], b[lane]))
    }
}
