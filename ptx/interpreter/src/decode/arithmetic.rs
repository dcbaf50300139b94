//! Arithmetic on integers and logic on predicates.

use super::names::{Class, Kind};
use super::{Decoded, Decoder, wrong};
use crate::op::{Binary, Logic, Op, Shift, Slot, Ternary, Unary, Width};
use crate::parse::operand::{Operand, Statement};

/// Width and sign of an integer type.
pub(crate) fn integer(name: &str) -> Option<(Width, bool)> {
    Some(match name {
        "s16" => (Width::W16, true),
        "u16" => (Width::W16, false),
        "s32" => (Width::W32, true),
        "u32" => (Width::W32, false),
        "s64" => (Width::W64, true),
        "u64" => (Width::W64, false),
        _ => return None,
    })
}

/// Width of an untyped type.
pub(crate) fn bits(name: &str) -> Option<Width> {
    Some(match name {
        "b16" => Width::W16,
        "b32" => Width::W32,
        "b64" => Width::W64,
        _ => return None,
    })
}

impl<'a> Decoder<'a> {
    pub(super) fn arithmetic(&mut self, parts: &[&str], st: &Statement<'a>) -> Decoded<Option<Op>> {
        match parts {
            ["and" | "or" | "xor", "pred"] => return self.logic(parts[0], st).map(Some),
            ["not", "pred"] => {
                let [d, a] = Self::operands(st)?;
                let (d, a) = (self.predicate(d)?, self.predicate(a)?);
                return Ok(Some(Op::Not { d, a }));
            }
            _ => {}
        }
        if let Some((op, width)) = binary(parts) {
            let [d, a, b] = Self::operands(st)?;
            let d = self.names.target(d, width.class())?;
            let (a, b) = (self.int(a, width)?, self.int(b, width)?);
            return Ok(Some(Op::Binary { op, width, d, a, b }));
        }
        if let Some((op, width)) = shift(parts) {
            let [d, a, b] = Self::operands(st)?;
            let d = self.names.target(d, width.class())?;
            let (a, b) = (self.int(a, width)?, self.int(b, Width::W32)?);
            return Ok(Some(Op::Shift { op, width, d, a, b }));
        }
        if let Some((op, width)) = unary(parts) {
            let [d, a] = Self::operands(st)?;
            let class = if matches!(op, Unary::Clz | Unary::Popc) { Class::W32 } else { width.class() };
            let d = self.names.target(d, class)?;
            let a = self.int(a, width)?;
            return Ok(Some(Op::Unary { op, width, d, a }));
        }
        if let Some(op) = ternary(parts) {
            let [d, a, b, c] = Self::operands(st)?;
            let d = self.names.target(d, Class::W32)?;
            let w = Width::W32;
            let (a, b, c) = (self.int(a, w)?, self.int(b, w)?, self.int(c, w)?);
            return Ok(Some(Op::Ternary { op, d, a, b, c }));
        }
        self.irregular(parts, st)
    }

    /// What has operands of several widths, or more than three.
    fn irregular(&mut self, parts: &[&str], st: &Statement<'a>) -> Decoded<Option<Op>> {
        let op = match *parts {
            ["mul", "wide", of] => {
                let Some((signed, from16, wide)) = widening(of) else { return Ok(None) };
                let narrow = if from16 { Width::W16 } else { Width::W32 };
                let [d, a, b] = Self::operands(st)?;
                let d = self.names.target(d, wide.class())?;
                let (a, b) = (self.int(a, narrow)?, self.int(b, narrow)?);
                Op::Wide { signed, from16, d, a, b, c: None }
            }
            ["mad", "wide", of] => {
                let Some((signed, from16, wide)) = widening(of) else { return Ok(None) };
                let narrow = if from16 { Width::W16 } else { Width::W32 };
                let [d, a, b, c] = Self::operands(st)?;
                let d = self.names.target(d, wide.class())?;
                let (a, b, c) = (self.int(a, narrow)?, self.int(b, narrow)?, self.int(c, wide)?);
                Op::Wide { signed, from16, d, a, b, c: Some(c) }
            }
            ["mad", "lo", "s16" | "u16"] => {
                let [d, a, b, c] = self.four(st, Width::W16)?;
                Op::Mad16 { d, a, b, c }
            }
            ["mad", "lo", "s64" | "u64"] => {
                let [d, a, b, c] = self.four(st, Width::W64)?;
                Op::Mad64 { d, a, b, c }
            }
            ["bfe", of @ ("s64" | "u64")] => {
                let [d, a, position, length] = Self::operands(st)?;
                let d = self.names.target(d, Class::W64)?;
                let a = self.int(a, Width::W64)?;
                let (position, length) = (self.int(position, Width::W32)?, self.int(length, Width::W32)?);
                Op::Extract64 { signed: of == "s64", d, a, position, length }
            }
            ["bfi", of @ ("b32" | "b64")] => {
                let width = if of == "b64" { Width::W64 } else { Width::W32 };
                let [d, a, b, position, length] = Self::operands(st)?;
                let d = self.names.target(d, width.class())?;
                let (a, b) = (self.int(a, width)?, self.int(b, width)?);
                let (position, length) = (self.int(position, Width::W32)?, self.int(length, Width::W32)?);
                Op::Insert { wide: of == "b64", d, a, b, position, length }
            }
            ["lop3", "b32"] => {
                let [d, a, b, c, table] = Self::operands(st)?;
                let d = self.names.target(d, Class::W32)?;
                let w = Width::W32;
                let (a, b, c) = (self.int(a, w)?, self.int(b, w)?, self.int(c, w)?);
                let Operand::Int(value) = table else { return wrong("a number of 8 bits", table) };
                let Ok(value) = u8::try_from(*value) else { return wrong("a number of 8 bits", table) };
                Op::Ternary { op: Ternary::Lop3(value), d, a, b, c }
            }
            _ => return Ok(None),
        };
        Ok(Some(op))
    }

    fn logic(&mut self, op: &str, st: &Statement<'a>) -> Decoded<Op> {
        let [d, a, b] = Self::operands(st)?;
        let (d, a, b) = (self.predicate(d)?, self.predicate(a)?, self.predicate(b)?);
        let op = match op {
            "and" => Logic::And,
            "or" => Logic::Or,
            _ => Logic::Xor,
        };
        Ok(Op::Logic { op, d, a, b })
    }

    fn four(&mut self, st: &Statement<'a>, width: Width) -> Decoded<[Slot; 4]> {
        let [d, a, b, c] = Self::operands(st)?;
        let d = self.names.target(d, width.class())?;
        Ok([d, self.int(a, width)?, self.int(b, width)?, self.int(c, width)?])
    }

    /// A register or constant of an integer.
    pub(super) fn int(&mut self, operand: &Operand<'a>, width: Width) -> Decoded<Slot> {
        self.names.value(operand, Kind::Int(width))
    }

    /// A predicate register.
    pub(super) fn predicate(&self, operand: &Operand<'a>) -> Decoded<Slot> {
        self.names.target(operand, Class::Predicate)
    }
}

fn binary(parts: &[&str]) -> Option<(Binary, Width)> {
    let op = match *parts {
        ["and", of] => return Some((Binary::And, bits(of)?)),
        ["or", of] => return Some((Binary::Or, bits(of)?)),
        ["xor", of] => return Some((Binary::Xor, bits(of)?)),
        ["add", _] => (Binary::Add, Binary::Add),
        ["sub", _] => (Binary::Sub, Binary::Sub),
        ["mul", "lo", _] => (Binary::MulLo, Binary::MulLo),
        ["mul", "hi", _] => (Binary::MulHiS, Binary::MulHiU),
        ["min", _] => (Binary::MinS, Binary::MinU),
        ["max", _] => (Binary::MaxS, Binary::MaxU),
        ["div", _] => (Binary::DivS, Binary::DivU),
        ["rem", _] => (Binary::RemS, Binary::RemU),
        _ => return None,
    };
    let (width, signed) = integer(parts.last()?)?;
    Some((if signed { op.0 } else { op.1 }, width))
}

fn shift(parts: &[&str]) -> Option<(Shift, Width)> {
    match *parts {
        ["shl", of] => Some((Shift::Left, bits(of)?)),
        ["shr", of] => {
            let (width, signed) = bits(of).map(|width| (width, false)).or_else(|| integer(of))?;
            Some((if signed { Shift::RightS } else { Shift::RightU }, width))
        }
        _ => None,
    }
}

fn unary(parts: &[&str]) -> Option<(Unary, Width)> {
    let [name, of] = *parts else { return None };
    let signed = || integer(of).filter(|(_, signed)| *signed).map(|(width, _)| width);
    let long = || bits(of).filter(|width| *width != Width::W16);
    Some(match name {
        "not" => (Unary::Not, bits(of)?),
        "neg" => (Unary::Neg, signed()?),
        "abs" => (Unary::Abs, signed()?),
        "clz" => (Unary::Clz, long()?),
        "popc" => (Unary::Popc, long()?),
        "brev" => (Unary::Brev, long()?),
        _ => return None,
    })
}

fn ternary(parts: &[&str]) -> Option<Ternary> {
    Some(match *parts {
        ["mad", "lo", "s32" | "u32"] => Ternary::MadLo,
        ["mad", "hi", "s32"] => Ternary::MadHiS,
        ["mad", "hi", "u32"] => Ternary::MadHiU,
        ["bfe", "s32"] => Ternary::BfeS,
        ["bfe", "u32"] => Ternary::BfeU,
        ["prmt", "b32"] => Ternary::Prmt,
        ["shf", "l", "wrap", "b32"] => Ternary::ShfLeftWrap,
        ["shf", "l", "clamp", "b32"] => Ternary::ShfLeftClamp,
        ["shf", "r", "wrap", "b32"] => Ternary::ShfRightWrap,
        ["shf", "r", "clamp", "b32"] => Ternary::ShfRightClamp,
        ["dp4a", a @ ("s32" | "u32"), b @ ("s32" | "u32")] => Ternary::Dp4a(a == "s32", b == "s32"),
        _ => return None,
    })
}

/// Sign of a widening product, whether it is of 16 bits, and the width of the result.
fn widening(of: &str) -> Option<(bool, bool, Width)> {
    let (width, signed) = integer(of)?;
    match width {
        Width::W16 => Some((signed, true, Width::W32)),
        Width::W32 => Some((signed, false, Width::W64)),
        Width::W64 => None,
    }
}
