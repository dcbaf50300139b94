//! From statements to decoded instructions.

mod arithmetic;
mod control;
mod convert;
mod float;
mod memory;
mod names;
mod warp;

use std::collections::HashMap;

use crate::error::{PtxError, PtxErrorKind};
use crate::layout;
use crate::op::{Inst, Op, Slot};
use crate::parse::operand::{Operand, Statement};
use crate::program::{Kernel, Parameter};

pub(crate) use names::{Class, Names, Symbol, SymbolSpace};

/// Result of decoding a part of a statement, whose line the caller knows.
pub(crate) type Decoded<T> = Result<T, PtxErrorKind>;

/// Decodes the statements of one kernel.
pub(crate) struct Decoder<'a> {
    names: Names<'a>,
    parameters: HashMap<&'a str, Parameter>,
    code: Vec<Inst>,
    labels: HashMap<&'a str, u32>,
    /// Line of the first use of a label, and the instruction it stands before.
    places: Vec<(u32, Option<u32>)>,
    tables: Vec<Vec<u32>>,
    table_names: HashMap<&'a str, u32>,
}

impl<'a> Decoder<'a> {
    /// A decoder of a kernel of a module with the variables `symbols`.
    pub(crate) fn new(symbols: HashMap<&'a str, Symbol>, parameters: HashMap<&'a str, Parameter>) -> Self {
        Self {
            names: Names::new(symbols),
            parameters,
            code: Vec::new(),
            labels: HashMap::new(),
            places: Vec::new(),
            tables: Vec::new(),
            table_names: HashMap::new(),
        }
    }

    /// Registers and variables of the kernel.
    pub(crate) fn names(&mut self) -> &mut Names<'a> {
        &mut self.names
    }

    /// The label stands before the next instruction.
    pub(crate) fn label(&mut self, name: &'a str, line: u32) -> Result<(), PtxError> {
        let here = self.next_index(line)?;
        let number = self.label_number(name, line)?;
        match self.places.get_mut(number as usize) {
            Some((_, place @ None)) => {
                *place = Some(here);
                Ok(())
            }
            _ => Err(PtxErrorKind::Duplicate(name.to_owned()).at(line)),
        }
    }

    /// A table of `.branchtargets`.
    pub(crate) fn table(&mut self, name: &'a str, targets: &[&'a str], line: u32) -> Result<(), PtxError> {
        let targets =
            targets.iter().map(|target| self.label_number(target, line)).collect::<Result<Vec<_>, _>>()?;
        let number = count(self.tables.len(), "tables").map_err(|kind| kind.at(line))?;
        if self.table_names.insert(name, number).is_some() {
            return Err(PtxErrorKind::Duplicate(name.to_owned()).at(line));
        }
        self.tables.push(targets);
        Ok(())
    }

    /// Decodes a statement.
    pub(crate) fn statement(&mut self, statement: &Statement<'a>) -> Result<(), PtxError> {
        let line = statement.line;
        let guard = match statement.guard {
            Some((name, negated)) => {
                Some((self.names.register(name, Class::Predicate).map_err(|kind| kind.at(line))?, negated))
            }
            None => None,
        };
        let op = self.operation(statement).map_err(|kind| kind.at(line))?;
        self.next_index(line)?;
        self.code.push(Inst { op, guard, line });
        Ok(())
    }

    fn operation(&mut self, statement: &Statement<'a>) -> Decoded<Op> {
        let parts: Vec<&'a str> = statement.opcode.split('.').collect();
        let unknown = || PtxErrorKind::Instruction(statement.opcode.to_owned());
        let kind = parts.first().ok_or_else(unknown)?;
        let op = match *kind {
            "add" | "sub" | "mul" | "mad" | "min" | "max" | "div" | "rem" | "and" | "or" | "xor" | "not"
            | "neg" | "abs" | "shl" | "shr" | "shf" | "clz" | "popc" | "brev" | "bfe" | "bfi" | "prmt"
            | "lop3" | "dp4a" | "fma" | "sqrt" | "rcp" | "copysign" => match parts.last() {
                Some(&("f32" | "f64")) => self.float(&parts, statement)?,
                _ => self.arithmetic(&parts, statement)?,
            },
            "setp" | "selp" => self.choice(&parts, statement)?,
            "mov" | "cvt" | "cvta" => self.conversion(&parts, statement)?,
            "ld" | "st" | "atom" | "red" => self.access(&parts, statement)?,
            "bra" | "brx" | "ret" | "exit" | "trap" | "bar" | "membar" | "fence" => {
                self.control(&parts, statement)?
            }
            "shfl" | "vote" | "redux" | "activemask" | "mma" => self.collective(&parts, statement)?,
            _ => None,
        };
        op.ok_or_else(unknown)
    }

    /// The operands, which have to be `N`.
    fn operands<'s, const N: usize>(statement: &'s Statement<'a>) -> Decoded<&'s [Operand<'a>; N]> {
        statement.operands.as_slice().try_into().map_err(|_| PtxErrorKind::Operands {
            opcode: statement.opcode.to_owned(),
            found: statement.operands.len(),
        })
    }

    fn label_number(&mut self, name: &'a str, line: u32) -> Result<u32, PtxError> {
        let number = count(self.places.len(), "labels").map_err(|kind| kind.at(line))?;
        let entry = *self.labels.entry(name).or_insert(number);
        if entry == number {
            self.places.push((line, None));
        }
        Ok(entry)
    }

    fn next_index(&self, line: u32) -> Result<u32, PtxError> {
        count(self.code.len(), "instructions").map_err(|kind| kind.at(line))
    }

    /// The kernel, once all of its statements are decoded. `line` is the one of its end.
    pub(crate) fn finish(self, parameters: Vec<Parameter>, line: u32) -> Result<Kernel, PtxError> {
        let mut names: Vec<&str> = vec![""; self.places.len()];
        for (name, number) in &self.labels {
            if let Some(entry) = names.get_mut(*number as usize) {
                *entry = name;
            }
        }
        let mut places = Vec::with_capacity(self.places.len());
        for ((line, place), name) in self.places.iter().zip(names) {
            places.push(place.ok_or_else(|| PtxErrorKind::Unknown(name.to_owned()).at(*line))?);
        }
        let layout = layout::arrange(self.code, &places, self.tables, line)?;
        let files = self.names.finish();
        Ok(Kernel {
            parameters,
            max_threads: None,
            threads: None,
            instructions: layout.instructions,
            tables: layout.tables,
            entry: layout.entry,
            slots32: files.slots32,
            slots64: files.slots64,
            predicates: files.predicates,
            constants32: files.constants32,
            constants64: files.constants64,
            addresses: files.addresses,
            shared: files.shared,
        })
    }
}

fn count(length: usize, of: &'static str) -> Decoded<u32> {
    u32::try_from(length).ok().filter(|&length| length < u32::MAX / 2).ok_or(PtxErrorKind::TooMany(of))
}

/// The error for an operand that is not the one needed.
pub(crate) fn wrong<T>(expected: &'static str, operand: &Operand<'_>) -> Decoded<T> {
    Err(PtxErrorKind::Operand { expected, found: operand.show() })
}

/// The name of an operand that has to be one.
pub(crate) fn name<'a>(operand: &Operand<'a>, expected: &'static str) -> Decoded<&'a str> {
    match operand {
        Operand::Name(name) => Ok(name),
        other => wrong(expected, other),
    }
}

/// An array of `N` slots from operands, each decoded by `decode`.
pub(crate) fn each<'a, const N: usize>(
    operand: &Operand<'a>,
    expected: &'static str,
    mut decode: impl FnMut(&Operand<'a>) -> Decoded<Slot>,
) -> Decoded<[Slot; N]> {
    let Operand::Vector(parts) = operand else { return wrong(expected, operand) };
    if parts.len() != N {
        return wrong(expected, operand);
    }
    let mut slots = [0; N];
    for (slot, part) in slots.iter_mut().zip(parts) {
        *slot = decode(part)?;
    }
    Ok(slots)
}
