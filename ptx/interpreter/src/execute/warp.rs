//! A warp: lanes that run an instruction together as long as they go the same way.

use super::compute::compute;
use super::fault::{Fault, FaultKind};
use super::lanes::{Lanes, lanes_of};
use super::{ALL, Env, LANES, NOISE, access, atomic, collective, thread};
use crate::op::{Element, File, Op, Place, Slot, Special};
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
            // Upper halves stay zero for those of 16 bits.
            r32: vec![[u16::from_le_bytes([NOISE; 2]).into(); 32]; kernel.slots32],
            r64: vec![[u64::from_le_bytes([NOISE; 8]); 32]; kernel.slots64],
            predicates: vec![u32::from_le_bytes([NOISE; 4]); kernel.predicates],
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
            let Some(inst) = kernel.instructions.get(self.pc) else {
                return Err(FaultKind::NoTarget(self.pc as u32).at(self.mask.trailing_zeros()));
            };
            if env.budget == 0 {
                return Err(FaultKind::Budget.at(self.mask.trailing_zeros()));
            }
            env.budget -= 1;
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
    #[inline(always)]
    fn step(&mut self, m: u32, op: &Op, env: &mut Env<'_>) -> Result<(), Fault> {
        match op {
            Op::Load(access) => access::load(&mut self.lanes, m, access, env, self.pc),
            Op::Store(access) => access::store(&mut self.lanes, m, access, env, self.pc),
            Op::Atomic(atomic) => atomic::atomic(&mut self.lanes, m, atomic, env, self.pc),
            Op::Mma(mma) => collective::mma(&mut self.lanes, m, mma),
            Op::Special { special, d } => {
                let values = special_values(self.number, env, *special);
                self.lanes.set(*d, &values, m);
                Ok(())
            }
            Op::Parameter { element, offset, d } => {
                parameter(&mut self.lanes, m, env.parameters, *element, *offset, *d);
                Ok(())
            }
            Op::Shuffle { .. } | Op::Vote { .. } | Op::Reduce { .. } | Op::WarpSync { .. } => {
                let live = self.live();
                collective::run(&mut self.lanes, m, live, op)
            }
            Op::ActiveMask { d } => {
                self.lanes.set(*d, &[m; 32], m);
                Ok(())
            }
            Op::Trap => Err(FaultKind::Trap.at(m.trailing_zeros())),
            op => compute(&mut self.lanes, m, op),
        }
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
