//! A warp: lanes that run an instruction together as long as they go the same way.

use super::fault::{Fault, FaultKind};
use super::lanes::{Lanes, lanes_of};
use super::{ALL, Env, LANES, access, atomic, collective, convert, float, integer, thread};
use crate::op::{Element, File, Logic, Op, Place, Slot, Special, Width};
use crate::program::Kernel;

/// Why a warp does not go on.
pub(crate) enum Stop {
    /// It waits at a barrier.
    Barrier,
    /// All of its lanes have ended.
    End,
}

/// A warp.
pub(crate) struct Warp {
    lanes: Lanes,
    number: u32,
    /// Lanes that are threads.
    threads: u32,
    /// Lanes that run, all at `pc`.
    mask: u32,
    pc: usize,
    /// Lanes that are further on, by where they are.
    ahead: Vec<(usize, u32)>,
    /// The first place where lanes wait.
    meet: usize,
}

impl Warp {
    /// A warp of a kernel with constants in place.
    pub(crate) fn new(kernel: &Kernel, variables: &[u64], number: u32, threads: u32) -> Self {
        let mut lanes = Lanes {
            r32: vec![[0; 32]; kernel.slots32],
            r64: vec![[0; 32]; kernel.slots64],
            predicates: vec![0; kernel.predicates],
        };
        for &(slot, value) in &kernel.constants32 {
            lanes.set(slot, &[value; 32], ALL);
        }
        for &(slot, value) in &kernel.constants64 {
            lanes.set(slot, &[value; 32], ALL);
        }
        for &(slot, variable) in &kernel.addresses {
            lanes.set(slot, &[variables.get(variable).copied().unwrap_or(0); 32], ALL);
        }
        Self { lanes, number, threads, mask: 0, pc: 0, ahead: Vec::new(), meet: usize::MAX }
    }

    /// Begins a block.
    pub(crate) fn restart(&mut self, entry: u32) {
        self.mask = self.threads;
        self.pc = entry as usize;
        self.ahead.clear();
        self.meet = usize::MAX;
    }

    /// Its number in its block.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// The line that it is at.
    pub(crate) fn line(&self, kernel: &Kernel) -> u32 {
        kernel.instructions.get(self.pc).map_or(0, |inst| inst.line)
    }

    /// Runs up to the next barrier, or to the end.
    pub(crate) fn run(&mut self, env: &mut Env<'_>) -> Result<Stop, Fault> {
        let kernel = env.kernel;
        if self.mask == 0 {
            return Ok(Stop::End);
        }
        loop {
            if self.pc >= self.meet {
                self.regroup();
            }
            let Some(inst) = kernel.instructions.get(self.pc) else { return Ok(Stop::End) };
            if env.budget == 0 {
                return Err(FaultKind::Budget.at(self.mask.trailing_zeros()));
            }
            env.budget -= 1;
            env.instructions += 1;
            let m = match inst.guard {
                None => self.mask,
                Some((predicate, negated)) => {
                    let bits = self.lanes.predicates[predicate as usize];
                    self.mask & if negated { !bits } else { bits }
                }
            };
            match inst.op {
                Op::Branch { target } => {
                    self.branch(m, target as usize);
                    continue;
                }
                _ if m == 0 => {}
                Op::BranchIndexed { index, table } => {
                    self.branch_indexed(m, index, kernel.tables.get(table as usize))?;
                    continue;
                }
                Op::Exit => {
                    self.mask &= !m;
                    if self.mask == 0 {
                        if self.next_group() {
                            continue;
                        }
                        return Ok(Stop::End);
                    }
                }
                Op::Barrier => {
                    if m != self.threads {
                        let kind = FaultKind::Members { members: self.threads, active: m };
                        return Err(kind.at(m.trailing_zeros()));
                    }
                    self.pc += 1;
                    return Ok(Stop::Barrier);
                }
                ref op => self.step(m, op, env)?,
            }
            self.pc += 1;
        }
    }

    /// Lanes that have not ended.
    fn live(&self) -> u32 {
        self.ahead.iter().fold(self.mask, |mask, (_, lanes)| mask | lanes)
    }

    /// The lanes of `m` go to `target`, the others to the next instruction.
    fn branch(&mut self, m: u32, target: usize) {
        if m == self.mask {
            self.pc = target;
        } else if m == 0 {
            self.pc += 1;
        } else {
            self.park(target, m);
            self.mask &= !m;
            self.pc += 1;
        }
    }

    fn branch_indexed(&mut self, m: u32, index: Slot, table: Option<&Vec<u32>>) -> Result<(), Fault> {
        let indices = *self.lanes.get::<u32>(index);
        for lane in lanes_of(m) {
            let target = table.and_then(|table| table.get(indices[lane] as usize));
            let Some(&target) = target else {
                return Err(FaultKind::NoTarget(indices[lane]).at(lane as u32));
            };
            self.park(target as usize, 1 << lane);
        }
        self.mask &= !m;
        self.pc += 1;
        if self.mask == 0 {
            self.next_group();
        }
        Ok(())
    }

    /// Has lanes wait at a place.
    fn park(&mut self, pc: usize, lanes: u32) {
        match self.ahead.iter_mut().find(|(place, _)| *place == pc) {
            Some((_, mask)) => *mask |= lanes,
            None => self.ahead.push((pc, lanes)),
        }
        self.meet = self.meet.min(pc);
    }

    /// Goes on with the lanes that are furthest behind.
    fn regroup(&mut self) {
        self.park(self.pc, self.mask);
        self.mask = 0;
        self.next_group();
    }

    /// Goes on with the lanes that wait first; false if none do.
    fn next_group(&mut self) -> bool {
        let Some(index) = self.ahead.iter().position(|(place, _)| *place == self.meet) else { return false };
        (self.pc, self.mask) = self.ahead.swap_remove(index);
        self.meet = self.ahead.iter().map(|(place, _)| *place).min().unwrap_or(usize::MAX);
        true
    }

    /// Runs an instruction that goes on to the next one, for the lanes of `m`, which are some.
    #[inline]
    fn step(&mut self, m: u32, op: &Op, env: &mut Env<'_>) -> Result<(), Fault> {
        let live = if self.ahead.is_empty() { self.mask } else { self.live() };
        let pc = self.pc;
        let l = &mut self.lanes;
        match *op {
            Op::Binary { op, width: Width::W32, d, a, b } => integer::binary32(l, m, op, [d, a, b])?,
            Op::Binary { op, width: Width::W64, d, a, b } => integer::binary64(l, m, op, [d, a, b])?,
            Op::Binary { op, width: Width::W16, d, a, b } => integer::binary16(l, m, op, [d, a, b])?,
            Op::Shift { op, width, d, a, b } => integer::shift(l, m, op, width, [d, a, b]),
            Op::Unary { op, width, d, a } => integer::unary(l, m, op, width, d, a),
            Op::Ternary { op, d, a, b, c } => integer::ternary(l, m, op, [d, a, b, c])?,
            Op::Insert { .. } | Op::Extract64 { .. } => field(l, m, op),
            Op::Mad16 { d, a, b, c } => {
                l.zip3(m, [d, a, b, c], |x: u32, y: u32, z: u32| x.wrapping_mul(y).wrapping_add(z) & 0xffff)
            }
            Op::Mad64 { d, a, b, c } => {
                l.zip3(m, [d, a, b, c], |x: u64, y: u64, z: u64| x.wrapping_mul(y).wrapping_add(z))
            }
            Op::Wide { signed, from16, d, a, b, c } => wide(l, m, signed, from16, [d, a, b], c),
            Op::Float32 { op, d, a, b } => float::binary32(l, m, op, [d, a, b]),
            Op::Float64 { op, d, a, b } => float::binary64(l, m, op, [d, a, b]),
            Op::FloatUnary { op, double: false, d, a } => float::unary32(l, m, op, d, a),
            Op::FloatUnary { op, double: true, d, a } => float::unary64(l, m, op, d, a),
            Op::Fma { double, d, a, b, c } => float::fma(l, m, double, [d, a, b, c]),
            Op::Compare { compare, of, d, not, a, b, with } => {
                let bits = float::compare(l, compare, of, a, b);
                let (mut yes, mut no) = (bits, !bits);
                if let Some((logic, with, negated)) = with {
                    let with = l.predicates[with as usize] ^ if negated { ALL } else { 0 };
                    (yes, no) = (logical(logic, yes, with), logical(logic, no, with));
                }
                l.set_predicate(d, yes, m);
                if let Some(not) = not {
                    l.set_predicate(not, no, m);
                }
            }
            Op::Select { wide, d, a, b, predicate } => {
                let bits = l.predicates[predicate as usize];
                if wide {
                    let mut out = *l.get::<u64>(b);
                    super::lanes::put(&mut out, l.get(a), bits);
                    l.set(d, &out, m);
                } else {
                    let mut out = *l.get::<u32>(b);
                    super::lanes::put(&mut out, l.get(a), bits);
                    l.set(d, &out, m);
                }
            }
            Op::Logic { op, d, a, b } => {
                let bits = logical(op, l.predicates[a as usize], l.predicates[b as usize]);
                l.set_predicate(d, bits, m);
            }
            Op::Not { d, a } => l.set_predicate(d, !l.predicates[a as usize], m),
            Op::SetPredicate { d, holds } => l.set_predicate(d, if holds { ALL } else { 0 }, m),
            Op::MovPredicate { d, a } => l.set_predicate(d, l.predicates[a as usize], m),
            Op::Extend { extend, d, a } => convert::extend(l, m, extend, d, a),
            Op::FloatToInt { round, double, to, d, a } => {
                convert::float_to_int(l, m, round, double, to, d, a);
            }
            Op::IntToFloat { double, from, d, a } => convert::int_to_float(l, m, double, from, d, a.slot),
            Op::Widen { d, a } => convert::widen(l, m, d, a),
            Op::Narrow { d, a } => convert::narrow(l, m, d, a),
            Op::Pack { from, parts, d, a } => convert::pack(l, m, from, parts, d, a),
            Op::Unpack { to, parts, d, a } => convert::unpack(l, m, to, parts, d, a),
            Op::Special { special, d } => {
                let values = special_values(self.number, env, special);
                l.set(d, &values, m);
            }
            Op::Parameter { element, offset, d } => parameter(l, m, env.parameters, element, offset, d),
            Op::Load(ref access) => access::load(l, m, access, env, pc)?,
            Op::Store(ref access) => access::store(l, m, access, env, pc)?,
            Op::Atomic(ref atomic) => atomic::atomic(l, m, atomic, env, pc)?,
            Op::Shuffle { mode, d, inside, a, b, c, members } => {
                collective::members(l, m, live, members)?;
                collective::shuffle(l, m, mode, d, inside, [a, b, c])?;
            }
            Op::Vote { mode, d, a, negated, members } => {
                collective::members(l, m, live, members)?;
                let votes = l.predicates[a as usize] ^ if negated { ALL } else { 0 };
                collective::vote(l, m, mode, d, votes);
            }
            Op::Reduce { op, d, a, members } => {
                collective::members(l, m, live, members)?;
                collective::reduce(l, m, op, d, a);
            }
            Op::WarpSync { members } => collective::members(l, m, live, members)?,
            Op::ActiveMask { d } => l.set(d, &[m; 32], m),
            Op::Mma(ref mma) => collective::mma(l, m, mma)?,
            Op::Trap => return Err(FaultKind::Trap.at(m.trailing_zeros())),
            // What moves lanes is the caller's.
            Op::Fence | Op::Branch { .. } | Op::BranchIndexed { .. } | Op::Exit | Op::Barrier => {}
        }
        Ok(())
    }
}

fn logical(op: Logic, a: u32, b: u32) -> u32 {
    match op {
        Logic::And => a & b,
        Logic::Or => a | b,
        Logic::Xor => a ^ b,
    }
}

/// Products of twice the width of their factors.
fn wide(l: &mut Lanes, m: u32, signed: bool, from16: bool, [d, a, b]: [Slot; 3], c: Option<Slot>) {
    let signed32 = |x: u32, y: u32| (i64::from(x as i32) * i64::from(y as i32)) as u64;
    let unsigned32 = |x: u32, y: u32| u64::from(x) * u64::from(y);
    let signed16 = |x: u32, y: u32| (i32::from(x as i16) * i32::from(y as i16)) as u32;
    match (from16, signed, c) {
        (false, true, None) => l.zip(m, [d, a, b], signed32),
        (false, false, None) => l.zip(m, [d, a, b], unsigned32),
        (true, true, None) => l.zip(m, [d, a, b], signed16),
        (true, false, None) => l.zip(m, [d, a, b], u32::wrapping_mul),
        (false, true, Some(c)) => l.zip3(m, [d, a, b, c], |x, y, z: u64| signed32(x, y).wrapping_add(z)),
        (false, false, Some(c)) => l.zip3(m, [d, a, b, c], |x, y, z: u64| unsigned32(x, y).wrapping_add(z)),
        (true, true, Some(c)) => l.zip3(m, [d, a, b, c], |x, y, z: u32| signed16(x, y).wrapping_add(z)),
        (true, false, Some(c)) => {
            l.zip3(m, [d, a, b, c], |x: u32, y: u32, z: u32| x.wrapping_mul(y).wrapping_add(z));
        }
    }
}

/// `bfi`, and `bfe` of 64 bits.
fn field(l: &mut Lanes, m: u32, op: &Op) {
    match *op {
        Op::Insert { wide: false, d, a, b, position, length } => {
            let (x, y) = (*l.get::<u32>(a), *l.get::<u32>(b));
            let (p, n) = (l.get::<u32>(position), l.get::<u32>(length));
            let out = std::array::from_fn(|i| {
                integer::insert(u64::from(x[i]), u64::from(y[i]), 32, p[i], n[i]) as u32
            });
            l.set(d, &out, m);
        }
        Op::Insert { wide: true, d, a, b, position, length } => {
            let (x, y) = (*l.get::<u64>(a), *l.get::<u64>(b));
            let (p, n) = (l.get::<u32>(position), l.get::<u32>(length));
            let out = std::array::from_fn(|i| integer::insert(x[i], y[i], 64, p[i], n[i]));
            l.set(d, &out, m);
        }
        Op::Extract64 { signed, d, a, position, length } => {
            l.zip3(m, [d, a, position, length], |x: u64, p: u32, n: u32| {
                integer::extract(x, 64, p, n, signed)
            });
        }
        _ => {}
    }
}

fn special_values(warp: u32, env: &Env<'_>, special: Special) -> [u32; 32] {
    let axis = |of: [u32; 3], axis: u8| of.get(usize::from(axis)).copied().unwrap_or(0);
    std::array::from_fn(|lane| match special {
        Special::Thread(along) => axis(thread(env.threads, warp * LANES + lane as u32), along),
        Special::Threads(along) => axis(env.threads, along),
        Special::Block(along) => axis(env.block, along),
        Special::Blocks(along) => axis(env.blocks, along),
        Special::Lane => lane as u32,
        Special::Warp => warp,
    })
}

/// `ld.param`.
fn parameter(l: &mut Lanes, m: u32, bytes: &[u8], element: Element, offset: u32, d: Place) {
    let bytes = bytes.get(offset as usize..).unwrap_or_default();
    let mut word = [0; 8];
    for (to, from) in word.iter_mut().zip(bytes) {
        *to = *from;
    }
    let value = u64::from_le_bytes(word);
    let value = match element {
        Element::S8 => value as i8 as u64,
        Element::U8 => value & 0xff,
        Element::S16 => value as i16 as u64,
        Element::U16 => value & 0xffff,
        Element::S32 => value as i32 as u64,
        Element::B32 => value & 0xffff_ffff,
        Element::B64 => value,
    };
    match d.file {
        File::W16 => l.set(d.slot, &[value as u32 & 0xffff; 32], m),
        File::W32 => l.set(d.slot, &[value as u32; 32], m),
        File::W64 => l.set(d.slot, &[value; 32], m),
    }
}
