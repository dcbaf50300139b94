//! Arithmetic on floats, comparisons and selections.
//!
//! `add`, `sub` and `mul` have to name their rounding: without it they may be fused, and the result is not one value.

use super::arithmetic::{bits, integer};
use super::names::{Class, Kind};
use super::{Decoded, Decoder, wrong};
use crate::error::PtxErrorKind;
use crate::op::{Compare, Compared, FloatBinary, FloatUnary, Logic, Op, Width};
use crate::parse::operand::{Operand, Statement};

/// Class and kind of a float type.
fn float(name: &str) -> Option<(bool, Class, Kind)> {
    match name {
        "f32" => Some((false, Class::W32, Kind::F32)),
        "f64" => Some((true, Class::W64, Kind::F64)),
        _ => None,
    }
}

impl<'a> Decoder<'a> {
    pub(super) fn float(&mut self, parts: &[&str], st: &Statement<'a>) -> Decoded<Option<Op>> {
        let Some((double, class, kind)) = parts.last().and_then(|of| float(of)) else { return Ok(None) };
        let binary = match *parts {
            ["add", "rn", _] => Some(FloatBinary::Add),
            ["sub", "rn", _] => Some(FloatBinary::Sub),
            ["mul", "rn", _] => Some(FloatBinary::Mul),
            ["div", "rn", _] => Some(FloatBinary::Div),
            ["min", _] => Some(FloatBinary::Min),
            ["max", _] => Some(FloatBinary::Max),
            ["copysign", _] => Some(FloatBinary::CopySign),
            _ => None,
        };
        if let Some(op) = binary {
            let [d, a, b] = Self::operands(st)?;
            let d = self.names.target(d, class)?;
            let (a, b) = (self.names.value(a, kind)?, self.names.value(b, kind)?);
            return Ok(Some(if double { Op::Float64 { op, d, a, b } } else { Op::Float32 { op, d, a, b } }));
        }
        let unary = match *parts {
            ["abs", _] => Some(FloatUnary::Abs),
            ["neg", _] => Some(FloatUnary::Neg),
            ["sqrt", "rn", _] => Some(FloatUnary::Sqrt),
            ["rcp", "rn", _] => Some(FloatUnary::Reciprocal),
            _ => None,
        };
        if let Some(op) = unary {
            let [d, a] = Self::operands(st)?;
            let d = self.names.target(d, class)?;
            let a = self.names.value(a, kind)?;
            return Ok(Some(Op::FloatUnary { op, double, d, a }));
        }
        if let ["fma", "rn", _] = *parts {
            let [d, a, b, c] = Self::operands(st)?;
            let d = self.names.target(d, class)?;
            let (a, b) = (self.names.value(a, kind)?, self.names.value(b, kind)?);
            let c = self.names.value(c, kind)?;
            return Ok(Some(Op::Fma { double, d, a, b, c }));
        }
        Ok(None)
    }

    pub(super) fn choice(&mut self, parts: &[&str], st: &Statement<'a>) -> Decoded<Option<Op>> {
        match *parts {
            ["selp", of] => {
                let kind = match of {
                    "f32" => Kind::F32,
                    "f64" => Kind::F64,
                    _ => match bits(of).or_else(|| integer(of).map(|(width, _)| width)) {
                        Some(width) => Kind::Bits(width),
                        None => return Ok(None),
                    },
                };
                let [d, a, b, predicate] = Self::operands(st)?;
                let class = match kind {
                    Kind::F32 => Class::W32,
                    Kind::F64 => Class::W64,
                    Kind::Int(width) | Kind::Bits(width) => width.class(),
                };
                let d = self.names.target(d, class)?;
                let (a, b) = (self.names.value(a, kind)?, self.names.value(b, kind)?);
                let predicate = self.predicate(predicate)?;
                Ok(Some(Op::Select { wide: class == Class::W64, d, a, b, predicate }))
            }
            ["setp", compare, of] => self.set(compare, None, of, st),
            ["setp", compare, logic, of] => {
                let logic = match logic {
                    "and" => Logic::And,
                    "or" => Logic::Or,
                    "xor" => Logic::Xor,
                    _ => return Ok(None),
                };
                self.set(compare, Some(logic), of, st)
            }
            _ => Ok(None),
        }
    }

    fn set(&mut self, name: &str, logic: Option<Logic>, of: &str, st: &Statement<'a>) -> Decoded<Option<Op>> {
        let Some((compare, of, kind)) = comparison(name, of) else { return Ok(None) };
        let (operands, last) = match (st.operands.as_slice(), logic) {
            ([d, a, b], None) => ([d, a, b], None),
            ([d, a, b, c], Some(logic)) => ([d, a, b], Some((logic, c))),
            (all, _) => {
                return Err(PtxErrorKind::Operands { opcode: st.opcode.to_owned(), found: all.len() });
            }
        };
        let [d, a, b] = operands;
        let (d, not) = match d {
            Operand::Pair("_", not) => return wrong("a predicate register", &Operand::Name(not)),
            Operand::Pair(d, "_") => (self.names.register(d, Class::Predicate)?, None),
            Operand::Pair(d, not) => {
                (self.names.register(d, Class::Predicate)?, Some(self.names.register(not, Class::Predicate)?))
            }
            other => (self.predicate(other)?, None),
        };
        let (a, b) = (self.names.value(a, kind)?, self.names.value(b, kind)?);
        let with = match last {
            Some((logic, Operand::Negated(c))) => {
                Some((logic, self.names.register(c, Class::Predicate)?, true))
            }
            Some((logic, c)) => Some((logic, self.predicate(c)?, false)),
            None => None,
        };
        Ok(Some(Op::Compare { compare, of, d, not, a, b, with }))
    }
}

/// What `setp` compares, and how.
fn comparison(name: &str, of: &str) -> Option<(Compare, Compared, Kind)> {
    let float = matches!(of, "f32" | "f64");
    let (compared, kind) = match of {
        "f32" => (Compared::F32, Kind::F32),
        "f64" => (Compared::F64, Kind::F64),
        _ => {
            let untyped = bits(of);
            let (width, signed) = untyped.map(|width| (width, false)).or_else(|| integer(of))?;
            // Untyped bits have no order.
            if untyped.is_some() && !matches!(name, "eq" | "ne") {
                return None;
            }
            let compared = match (width, signed) {
                (Width::W16, true) => Compared::S16,
                // Upper halves are zero, so that 16 bits compare as 32.
                (Width::W16 | Width::W32, false) => Compared::U32,
                (Width::W32, true) => Compared::S32,
                (Width::W64, true) => Compared::S64,
                (Width::W64, false) => Compared::U64,
            };
            (compared, Kind::Bits(width))
        }
    };
    let kind = match kind {
        Kind::Bits(width) if bits(of).is_none() => Kind::Int(width),
        kind => kind,
    };
    let signed = matches!(compared, Compared::S16 | Compared::S32 | Compared::S64);
    let compare = match name {
        "eq" => Compare::Eq,
        "ne" => Compare::Ne,
        "lt" => Compare::Lt,
        "le" => Compare::Le,
        "gt" => Compare::Gt,
        "ge" => Compare::Ge,
        "lo" if !float && !signed => Compare::Lt,
        "ls" if !float && !signed => Compare::Le,
        "hi" if !float && !signed => Compare::Gt,
        "hs" if !float && !signed => Compare::Ge,
        "equ" if float => Compare::EqU,
        "neu" if float => Compare::NeU,
        "ltu" if float => Compare::LtU,
        "leu" if float => Compare::LeU,
        "gtu" if float => Compare::GtU,
        "geu" if float => Compare::GeU,
        "num" if float => Compare::Num,
        "nan" if float => Compare::Nan,
        _ => return None,
    };
    Some((compare, compared, kind))
}
