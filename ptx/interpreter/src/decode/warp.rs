//! What the lanes of a warp do together.

use super::names::Class;
use super::{Decoded, Decoder, each};
use crate::op::{Binary, Mma, Op, Shuffle, Slot, Vote, Width};
use crate::parse::operand::{Operand, Statement};

impl<'a> Decoder<'a> {
    pub(super) fn collective(&mut self, parts: &[&str], st: &Statement<'a>) -> Decoded<Option<Op>> {
        let op = match *parts {
            ["shfl", "sync", mode, "b32"] => {
                let mode = match mode {
                    "up" => Shuffle::Up,
                    "down" => Shuffle::Down,
                    "bfly" => Shuffle::Butterfly,
                    "idx" => Shuffle::Index,
                    _ => return Ok(None),
                };
                let [d, a, b, c, members] = Self::operands(st)?;
                let (d, inside) = match d {
                    Operand::Pair(d, inside) => {
                        let inside = self.names.register(inside, Class::Predicate)?;
                        (self.names.register(d, Class::W32)?, Some(inside))
                    }
                    d => (self.names.target(d, Class::W32)?, None),
                };
                let w = Width::W32;
                let (a, b) = (self.int(a, w)?, self.int(b, w)?);
                let (c, members) = (self.int(c, w)?, self.int(members, w)?);
                Op::Shuffle { mode, d, inside, a, b, c, members }
            }
            ["vote", "sync", mode, of] => {
                let (mode, class) = match (mode, of) {
                    ("all", "pred") => (Vote::All, Class::Predicate),
                    ("any", "pred") => (Vote::Any, Class::Predicate),
                    ("uni", "pred") => (Vote::Uniform, Class::Predicate),
                    ("ballot", "b32") => (Vote::Ballot, Class::W32),
                    _ => return Ok(None),
                };
                let [d, a, members] = Self::operands(st)?;
                let d = self.names.target(d, class)?;
                let (a, negated) = match a {
                    Operand::Negated(a) => (self.names.register(a, Class::Predicate)?, true),
                    a => (self.predicate(a)?, false),
                };
                Op::Vote { mode, d, a, negated, members: self.int(members, Width::W32)? }
            }
            ["redux", "sync", op, of] => {
                let op = match (op, of) {
                    ("add", "s32" | "u32") => Binary::Add,
                    ("min", "s32") => Binary::MinS,
                    ("min", "u32") => Binary::MinU,
                    ("max", "s32") => Binary::MaxS,
                    ("max", "u32") => Binary::MaxU,
                    ("and", "b32") => Binary::And,
                    ("or", "b32") => Binary::Or,
                    ("xor", "b32") => Binary::Xor,
                    _ => return Ok(None),
                };
                let [d, a, members] = Self::operands(st)?;
                let d = self.names.target(d, Class::W32)?;
                let a = self.int(a, Width::W32)?;
                Op::Reduce { op, d, a, members: self.int(members, Width::W32)? }
            }
            ["activemask", "b32"] => {
                let [d] = Self::operands(st)?;
                Op::ActiveMask { d: self.names.target(d, Class::W32)? }
            }
            ["mma", "sync", "aligned", shape, "row", "col", "s32", a, b, "s32"] => {
                return self.mma(shape, false, [a, b], st);
            }
            ["mma", "sync", "aligned", shape, "row", "col", "satfinite", "s32", a, b, "s32"] => {
                return self.mma(shape, true, [a, b], st);
            }
            _ => return Ok(None),
        };
        Ok(Some(op))
    }

    fn mma(
        &mut self,
        shape: &str,
        saturate: bool,
        types: [&str; 2],
        st: &Statement<'a>,
    ) -> Decoded<Option<Op>> {
        let deep = match shape {
            "m16n8k32" => true,
            "m16n8k16" => false,
            _ => return Ok(None),
        };
        let signed = |of: &str| match of {
            "s8" => Some(true),
            "u8" => Some(false),
            _ => None,
        };
        let [Some(signed_a), Some(signed_b)] = types.map(signed) else { return Ok(None) };
        let [d, a, b, c] = Self::operands(st)?;
        let d = each(d, "a vector of 4 registers", |part| self.names.target(part, Class::W32))?;
        let mut value = |part: &Operand<'a>| self.int(part, Width::W32);
        let (a, b): ([Slot; 4], [Slot; 2]) = if deep {
            (each(a, "a vector of 4 registers", &mut value)?, each(b, "a vector of 2 registers", &mut value)?)
        } else {
            let [a0, a1] = each(a, "a vector of 2 registers", &mut value)?;
            let [b0] = match b {
                Operand::Vector(_) => each(b, "a vector of 1 register", &mut value)?,
                b => [value(b)?],
            };
            ([a0, a1, a1, a1], [b0, b0])
        };
        let c = each(c, "a vector of 4 registers", &mut value)?;
        Ok(Some(Op::Mma(Mma { deep, signed_a, signed_b, saturate, d, a, b, c })))
    }
}
