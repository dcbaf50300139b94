//! Loads, stores and atomic operations.

use super::names::{Class, Kind, SymbolSpace};
use super::{Decoded, Decoder, wrong};
use crate::error::PtxErrorKind;
use crate::op::{Access, Atomic, AtomicOp, Element, File, Op, Place, Slot, Space, Width};
use crate::parse::operand::{Operand, Statement};

impl<'a> Decoder<'a> {
    pub(super) fn access(&mut self, parts: &[&str], st: &Statement<'a>) -> Decoded<Option<Op>> {
        match *parts {
            ["ld", "param", of] => self.parameter(of, st),
            ["ld", ref rest @ ..] => match transfer(rest, true) {
                Some((space, count, of)) => self.transfer(space, count, of, true, st).map(Some),
                None => Ok(None),
            },
            ["st", ref rest @ ..] => match transfer(rest, false) {
                Some((space, count, of)) => self.transfer(space, count, of, false, st).map(Some),
                None => Ok(None),
            },
            ["atom", ref rest @ ..] => match atomic(rest) {
                Some((space, op, wide)) => self.atomic(space, op, wide, true, st).map(Some),
                None => Ok(None),
            },
            ["red", ref rest @ ..] => match atomic(rest) {
                Some((space, op, wide)) if !matches!(op, AtomicOp::Exchange | AtomicOp::CompareAndSwap) => {
                    self.atomic(space, op, wide, false, st).map(Some)
                }
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }

    fn parameter(&mut self, of: &str, st: &Statement<'a>) -> Decoded<Option<Op>> {
        let Some((element, bits)) = element(of) else { return Ok(None) };
        let [d, address] = Self::operands(st)?;
        let d = self.names.place(d, bits)?;
        let Operand::Address(name, offset) = address else { return wrong("a parameter", address) };
        let parameter = self.parameters.get(name).ok_or_else(|| PtxErrorKind::Unknown((*name).to_owned()))?;
        let offset = u32::try_from(*offset).ok().filter(|offset| {
            offset % (bits / 8) == 0 && offset.checked_add(bits / 8).is_some_and(|end| end <= parameter.bytes)
        });
        let Some(offset) = offset else { return wrong("an offset in the parameter", address) };
        Ok(Some(Op::Parameter { element, offset: parameter.offset + offset, d }))
    }

    fn transfer(&mut self, space: Space, count: u8, of: &str, load: bool, st: &Statement<'a>) -> Decoded<Op> {
        let Some((element, bits)) = element(of) else {
            return Err(PtxErrorKind::Instruction(st.opcode.to_owned()));
        };
        let [first, second] = Self::operands(st)?;
        let (data, address) = if load { (first, second) } else { (second, first) };
        let (base, offset) = self.address(address, space)?;
        let parts = match (data, count) {
            (data, 1) => std::slice::from_ref(data),
            (Operand::Vector(parts), _) if parts.len() == usize::from(count) => parts.as_slice(),
            _ => return wrong("a vector of its length", data),
        };
        let mut registers = [0; 4];
        let mut file = None;
        for (register, part) in registers.iter_mut().zip(parts) {
            let place = if load { self.names.place(part, bits)? } else { self.stored(part, bits)? };
            if file.is_some_and(|file| file != place.file) {
                return wrong("registers of one class", data);
            }
            file = Some(place.file);
            *register = place.slot;
        }
        let Some(file) = file else { return wrong("a register", data) };
        let access = Access { space, element, file, count, registers, base, offset };
        Ok(if load { Op::Load(access) } else { Op::Store(access) })
    }

    fn atomic(
        &mut self,
        space: Space,
        op: AtomicOp,
        wide: bool,
        result: bool,
        st: &Statement<'a>,
    ) -> Decoded<Op> {
        let width = if wide { Width::W64 } else { Width::W32 };
        let (old, rest) = match (st.operands.as_slice(), result) {
            ([old, rest @ ..], true) if *old == Operand::Name("_") => (None, rest),
            ([old, rest @ ..], true) => (Some(self.names.target(old, width.class())?), rest),
            (rest, _) => (None, rest),
        };
        let (address, a, b) = match rest {
            [address, a] if op != AtomicOp::CompareAndSwap => (address, a, a),
            [address, a, b] if op == AtomicOp::CompareAndSwap => (address, a, b),
            _ => {
                let found = st.operands.len();
                return Err(PtxErrorKind::Operands { opcode: st.opcode.to_owned(), found });
            }
        };
        let (base, offset) = self.address(address, space)?;
        let (a, b) = (self.int(a, width)?, self.int(b, width)?);
        Ok(Op::Atomic(Atomic { space, op, wide, old, base, offset, a, b }))
    }

    /// A base in the 64-bit file, and an offset to it.
    fn address(&mut self, operand: &Operand<'a>, space: Space) -> Decoded<(Slot, i64)> {
        let Operand::Address(base, offset) = operand else { return wrong("an address", operand) };
        if !self.names.is_variable(base) {
            return Ok((self.names.register(base, Class::W64)?, *offset));
        }
        let (slot, found) = self.names.address(base)?;
        let fits = match found {
            SymbolSpace::Global(_) => space == Space::Global,
            SymbolSpace::Const(_) => space == Space::Const,
            SymbolSpace::Shared => space == Space::Shared,
        };
        if fits { Ok((slot, *offset)) } else { wrong("a variable of the instruction's space", operand) }
    }

    /// A register whose low bits are stored, or a constant.
    fn stored(&mut self, operand: &Operand<'a>, bits: u32) -> Decoded<Place> {
        match operand {
            Operand::Name(_) => self.names.place(operand, bits),
            _ if bits == 64 => {
                let slot = self.names.value(operand, Kind::Bits(Width::W64))?;
                Ok(Place { file: File::W64, slot })
            }
            Operand::Int(value) if bits < 32 => {
                let (low, high) = (-(1i128 << (bits - 1)), (1i128 << bits) - 1);
                if !(low..=high).contains(value) {
                    return Err(PtxErrorKind::Number(value.to_string()));
                }
                let slot = self.int(operand, Width::W16)?;
                Ok(Place { file: File::W16, slot })
            }
            _ => {
                let slot = self.names.value(operand, Kind::Bits(Width::W32))?;
                Ok(Place { file: File::W32, slot })
            }
        }
    }
}

/// The element of a type of memory, and its bits.
fn element(name: &str) -> Option<(Element, u32)> {
    Some(match name {
        "s8" => (Element::S8, 8),
        "u8" | "b8" => (Element::U8, 8),
        "s16" => (Element::S16, 16),
        "u16" | "b16" => (Element::U16, 16),
        "s32" => (Element::S32, 32),
        "u32" | "b32" | "f32" => (Element::B32, 32),
        "s64" | "u64" | "b64" | "f64" => (Element::B64, 64),
        _ => return None,
    })
}

/// Space, elements and type of what follows `ld` or `st`. Orders and scopes of memory do not matter: there is one thread
/// at a time.
fn transfer<'s>(parts: &[&'s str], load: bool) -> Option<(Space, u8, &'s str)> {
    let (ordered, rest) = match parts {
        ["volatile", rest @ ..] => (true, rest),
        ["relaxed", scope, rest @ ..] => (scoped(scope)?, rest),
        ["acquire", scope, rest @ ..] if load => (scoped(scope)?, rest),
        ["release", scope, rest @ ..] if !load => (scoped(scope)?, rest),
        rest => (false, rest),
    };
    let (space, rest) = match rest {
        ["global", "nc", rest @ ..] if load && !ordered => (Space::Global, rest),
        ["global", rest @ ..] => (Space::Global, rest),
        ["shared", rest @ ..] => (Space::Shared, rest),
        ["const", rest @ ..] if load && !ordered => (Space::Const, rest),
        _ => return None,
    };
    match rest {
        [of] => Some((space, 1, of)),
        ["v2", of] => Some((space, 2, of)),
        // No access is wider than 16 bytes.
        ["v4", of] if !of.ends_with("64") => Some((space, 4, of)),
        _ => None,
    }
}

fn scoped(scope: &str) -> Option<bool> {
    matches!(scope, "cta" | "gpu" | "sys").then_some(true)
}

/// Space, operation and width of what follows `atom` or `red`.
fn atomic(parts: &[&str]) -> Option<(Space, AtomicOp, bool)> {
    let rest = match parts {
        ["relaxed" | "acquire" | "release" | "acq_rel", rest @ ..] => rest,
        rest => rest,
    };
    let rest = match rest {
        ["cta" | "gpu" | "sys", rest @ ..] => rest,
        rest => rest,
    };
    let (space, op, of) = match *rest {
        ["global", op, of] => (Space::Global, op, of),
        ["shared", op, of] => (Space::Shared, op, of),
        _ => return None,
    };
    let wide = of.ends_with("64");
    let op = match (op, of) {
        ("add", "u32" | "s32" | "u64") => AtomicOp::Add,
        ("and", "b32" | "b64") => AtomicOp::And,
        ("or", "b32" | "b64") => AtomicOp::Or,
        ("xor", "b32" | "b64") => AtomicOp::Xor,
        ("min", "s32" | "s64") => AtomicOp::MinS,
        ("min", "u32" | "u64") => AtomicOp::MinU,
        ("max", "s32" | "s64") => AtomicOp::MaxS,
        ("max", "u32" | "u64") => AtomicOp::MaxU,
        ("exch", "b32" | "b64") => AtomicOp::Exchange,
        ("cas", "b32" | "b64") => AtomicOp::CompareAndSwap,
        ("inc", "u32") => AtomicOp::Increment,
        ("dec", "u32") => AtomicOp::Decrement,
        _ => return None,
    };
    Some((space, op, wide))
}
