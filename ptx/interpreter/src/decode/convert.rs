//! Moves and conversions.

use super::names::{Class, Kind};
use super::{Decoded, Decoder, each, wrong};
use crate::op::{Extend, File, FloatUnary, Integer, Op, Place, Rounding, Special, Unary, Width};
use crate::parse::operand::{Operand, Statement};

impl<'a> Decoder<'a> {
    pub(super) fn conversion(&mut self, parts: &[&str], st: &Statement<'a>) -> Decoded<Option<Op>> {
        match *parts {
            ["mov", "pred"] => {
                let [d, a] = Self::operands(st)?;
                let d = self.predicate(d)?;
                Ok(Some(match a {
                    Operand::Int(value @ -1..=1) => Op::SetPredicate { d, holds: *value != 0 },
                    _ => Op::MovPredicate { d, a: self.predicate(a)? },
                }))
            }
            ["mov", of] => {
                let kind = match of {
                    "b16" | "u16" | "s16" => Kind::Bits(Width::W16),
                    "b32" | "u32" | "s32" => Kind::Bits(Width::W32),
                    "b64" | "u64" | "s64" => Kind::Bits(Width::W64),
                    "f32" => Kind::F32,
                    "f64" => Kind::F64,
                    _ => return Ok(None),
                };
                self.mov(kind, of, st)
            }
            // Addresses of global and constant memory are the same as generic ones.
            ["cvta", "to", "global" | "const", "u64"] | ["cvta", "global" | "const", "u64"] => {
                let [d, a] = Self::operands(st)?;
                let (d, a) = (self.names.target(d, Class::W64)?, self.names.target(a, Class::W64)?);
                Ok(Some(Op::Unary { op: Unary::Mov, width: Width::W64, d, a }))
            }
            ["cvt", to, from] => self.convert(None, to, from, st),
            ["cvt", round, to, from] => self.convert(Some(round), to, from, st),
            _ => Ok(None),
        }
    }

    fn mov(&mut self, kind: Kind, of: &str, st: &Statement<'a>) -> Decoded<Option<Op>> {
        let [d, a] = Self::operands(st)?;
        let width = match kind {
            Kind::Int(width) | Kind::Bits(width) => width,
            Kind::F32 => Width::W32,
            Kind::F64 => Width::W64,
        };
        match (d, a) {
            (_, Operand::Vector(_)) if of.starts_with('b') => return self.pack(width, d, a),
            (Operand::Vector(_), _) if of.starts_with('b') => return self.unpack(width, d, a),
            (_, Operand::Name(name)) if name.starts_with('%') => {
                if let Some(special) = special(name) {
                    if width != Width::W32 {
                        return wrong("a register of its width", a);
                    }
                    let d = self.names.target(d, Class::W32)?;
                    return Ok(Some(Op::Special { special, d }));
                }
            }
            (_, Operand::Name(name)) if self.names.is_variable(name) => {
                if width != Width::W64 {
                    return wrong("a 32-bit value", a);
                }
                let d = self.names.target(d, Class::W64)?;
                let (a, _) = self.names.address(name)?;
                return Ok(Some(Op::Unary { op: Unary::Mov, width, d, a }));
            }
            _ => {}
        }
        let d = self.names.target(d, width.class())?;
        let a = self.names.value(a, kind)?;
        Ok(Some(Op::Unary { op: Unary::Mov, width, d, a }))
    }

    fn pack(&mut self, width: Width, d: &Operand<'a>, a: &Operand<'a>) -> Decoded<Option<Op>> {
        let Some((from, parts, class)) = pieces(width, a) else { return wrong("a vector that fills it", a) };
        let d = Place { file: file(width), slot: self.names.target(d, width.class())? };
        let kind = Kind::Bits(if class == Class::W16 { Width::W16 } else { Width::W32 });
        let mut slots = [0; 4];
        if parts == 2 {
            slots[..2].copy_from_slice(&each::<2>(a, "a vector", |part| self.names.value(part, kind))?);
        } else {
            slots = each(a, "a vector", |part| self.names.value(part, kind))?;
        }
        Ok(Some(Op::Pack { from, parts, d, a: slots }))
    }

    fn unpack(&mut self, width: Width, d: &Operand<'a>, a: &Operand<'a>) -> Decoded<Option<Op>> {
        let Some((to, parts, class)) = pieces(width, d) else { return wrong("a vector that fills it", d) };
        let a = Place { file: file(width), slot: self.names.value(a, Kind::Bits(width))? };
        let Operand::Vector(list) = d else { return wrong("a vector", d) };
        let mut slots = [None; 4];
        for (slot, part) in slots.iter_mut().zip(list) {
            if *part != Operand::Name("_") {
                *slot = Some(self.names.target(part, class)?);
            }
        }
        Ok(Some(Op::Unpack { to, parts, d: slots, a }))
    }

    fn convert(
        &mut self,
        round: Option<&str>,
        to: &str,
        from: &str,
        st: &Statement<'a>,
    ) -> Decoded<Option<Op>> {
        let [d, a] = Self::operands(st)?;
        let rounding = |round: &str| match round {
            "rni" => Some(Rounding::NearestEven),
            "rzi" => Some(Rounding::Zero),
            "rmi" => Some(Rounding::Down),
            "rpi" => Some(Rounding::Up),
            _ => None,
        };
        let double = |of: &str| of == "f64";
        let class = |of: &str| if double(of) { Class::W64 } else { Class::W32 };
        let kind = |of: &str| if double(of) { Kind::F64 } else { Kind::F32 };
        let op = match (round, to, from) {
            (None, "f64", "f32") => {
                let d = self.names.target(d, Class::W64)?;
                Op::Widen { d, a: self.names.value(a, Kind::F32)? }
            }
            (Some("rn"), "f32", "f64") => {
                let d = self.names.target(d, Class::W32)?;
                Op::Narrow { d, a: self.names.value(a, Kind::F64)? }
            }
            (Some(round), "f32" | "f64", _) if to == from => {
                let Some(round) = rounding(round) else { return Ok(None) };
                let d = self.names.target(d, class(to))?;
                let a = self.names.value(a, kind(to))?;
                Op::FloatUnary { op: FloatUnary::Round(round), double: double(to), d, a }
            }
            (Some(round), _, "f32" | "f64") => {
                let (Some(round), Some(to)) = (rounding(round), number(to)) else { return Ok(None) };
                let d = self.exact(d, to)?;
                Op::FloatToInt { round, double: double(from), to, d, a: self.names.value(a, kind(from))? }
            }
            (Some("rn"), "f32" | "f64", _) => {
                let Some(from) = number(from) else { return Ok(None) };
                let d = self.names.target(d, class(to))?;
                Op::IntToFloat { double: double(to), from, d, a: self.exact(a, from)? }
            }
            (None, _, _) => return self.extend(to, from, st),
            _ => return Ok(None),
        };
        Ok(Some(op))
    }

    /// A register of just the width of an integer.
    fn exact(&mut self, operand: &Operand<'a>, of: Integer) -> Decoded<Place> {
        let width = match of {
            Integer::S16 | Integer::U16 => Width::W16,
            Integer::S32 | Integer::U32 => Width::W32,
            Integer::S64 | Integer::U64 => Width::W64,
        };
        Ok(Place { file: file(width), slot: self.names.target(operand, width.class())? })
    }

    /// Between integers: the low bits of the source as its type, cut to the type of the destination and extended to its
    /// register.
    fn extend(&mut self, to: &str, from: &str, st: &Statement<'a>) -> Decoded<Option<Op>> {
        let (Some((to, to_bits)), Some((from, from_bits))) = (extension(to), extension(from)) else {
            return Ok(None);
        };
        let [d, a] = Self::operands(st)?;
        let target = self.names.place(d, to_bits)?;
        let source = self.names.place(a, from_bits)?;
        let register_bits = match target.file {
            File::W16 => 16,
            File::W32 => 32,
            File::W64 => 64,
        };
        let extend = if to_bits <= from_bits {
            to
        } else if to_bits == register_bits {
            from
        } else {
            return wrong("a register of the width of its type", d);
        };
        Ok(Some(Op::Extend { extend, d: target, a: source }))
    }
}

fn file(width: Width) -> File {
    match width {
        Width::W16 => File::W16,
        Width::W32 => File::W32,
        Width::W64 => File::W64,
    }
}

/// The file, number and class of the parts that a vector splits a width into.
fn pieces(width: Width, vector: &Operand<'_>) -> Option<(File, u8, Class)> {
    let Operand::Vector(parts) = vector else { return None };
    match (width, parts.len()) {
        (Width::W32, 2) => Some((File::W16, 2, Class::W16)),
        (Width::W64, 2) => Some((File::W32, 2, Class::W32)),
        (Width::W64, 4) => Some((File::W16, 4, Class::W16)),
        _ => None,
    }
}

fn number(name: &str) -> Option<Integer> {
    Some(match name {
        "s16" => Integer::S16,
        "u16" => Integer::U16,
        "s32" => Integer::S32,
        "u32" => Integer::U32,
        "s64" => Integer::S64,
        "u64" => Integer::U64,
        _ => return None,
    })
}

fn extension(name: &str) -> Option<(Extend, u32)> {
    Some(match name {
        "s8" => (Extend::S8, 8),
        "u8" => (Extend::U8, 8),
        "s16" => (Extend::S16, 16),
        "u16" => (Extend::U16, 16),
        "s32" => (Extend::S32, 32),
        "u32" => (Extend::U32, 32),
        "s64" | "u64" => (Extend::All, 64),
        _ => return None,
    })
}

fn special(name: &str) -> Option<Special> {
    let (register, axis) = match name {
        "%laneid" => return Some(Special::Lane),
        "%warpid" => return Some(Special::Warp),
        _ => name.split_once('.')?,
    };
    let axis = match axis {
        "x" => 0,
        "y" => 1,
        "z" => 2,
        _ => return None,
    };
    Some(match register {
        "%tid" => Special::Thread(axis),
        "%ntid" => Special::Threads(axis),
        "%ctaid" => Special::Block(axis),
        "%nctaid" => Special::Blocks(axis),
        _ => return None,
    })
}
