//! Registers, constants and variables of a kernel.

use std::collections::HashMap;

use super::{Decoded, wrong};
use crate::error::PtxErrorKind;
use crate::op::{File, Place, Slot, Width};
use crate::parse::operand::Operand;

/// Class of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Predicate,
    W16,
    W32,
    W64,
}

/// What an operand's type allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An integer.
    Int(Width),
    /// A float.
    F32,
    /// A double.
    F64,
    /// Untyped bits: an integer or a float.
    Bits(Width),
}

/// Where a variable is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SymbolSpace {
    /// Variable of the module in global memory, by its number.
    Global(usize),
    /// Variable of the module in constant memory, by its number.
    Const(usize),
    /// Shared memory of a block.
    Shared,
}

/// A variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Symbol {
    pub(crate) space: SymbolSpace,
    pub(crate) bytes: usize,
    pub(crate) align: usize,
}

/// A family of registers, `%r<15>`.
#[derive(Clone, Copy)]
struct Family {
    class: Class,
    first: Slot,
    count: u32,
}

/// Register files that a kernel needs.
pub(crate) struct Files {
    pub(crate) slots32: usize,
    pub(crate) slots64: usize,
    pub(crate) predicates: usize,
    pub(crate) constants32: Vec<(Slot, u32)>,
    pub(crate) constants64: Vec<(Slot, u64)>,
    pub(crate) addresses: Vec<(Slot, usize)>,
    pub(crate) shared: usize,
}

/// Names of a kernel and the slots behind them.
pub(crate) struct Names<'a> {
    families: HashMap<&'a str, Family>,
    symbols: HashMap<&'a str, Symbol>,
    next: [u32; 3],
    constants32: HashMap<u32, Slot>,
    constants64: HashMap<u64, Slot>,
    addresses: HashMap<usize, Slot>,
    shared: HashMap<&'a str, usize>,
    shared_end: usize,
}

impl<'a> Names<'a> {
    pub(crate) fn new(symbols: HashMap<&'a str, Symbol>) -> Self {
        Self {
            families: HashMap::new(),
            symbols,
            next: [0; 3],
            constants32: HashMap::new(),
            constants64: HashMap::new(),
            addresses: HashMap::new(),
            shared: HashMap::new(),
            shared_end: 0,
        }
    }

    /// Declares the registers `name<count>`: `name0` and so on.
    pub(crate) fn declare(&mut self, name: &'a str, class: Class, count: u32) -> Decoded<()> {
        let first = self.allocate(class, count)?;
        if self.families.insert(name, Family { class, first, count }).is_some() {
            return Err(PtxErrorKind::Duplicate(name.to_owned()));
        }
        Ok(())
    }

    /// Declares a variable of the kernel.
    pub(crate) fn variable(&mut self, name: &'a str, symbol: Symbol) -> Decoded<()> {
        match self.symbols.insert(name, symbol) {
            Some(_) => Err(PtxErrorKind::Duplicate(name.to_owned())),
            None => Ok(()),
        }
    }

    fn allocate(&mut self, class: Class, count: u32) -> Decoded<Slot> {
        let file = match class {
            Class::Predicate => 0,
            Class::W16 | Class::W32 => 1,
            Class::W64 => 2,
        };
        let first = self.next[file];
        let end = first.checked_add(count).filter(|&end| end <= u32::from(Slot::MAX));
        self.next[file] = end.ok_or(PtxErrorKind::TooMany("registers"))?;
        Slot::try_from(first).map_err(|_| PtxErrorKind::TooMany("registers"))
    }

    fn find(&self, name: &str) -> Decoded<(Class, Slot)> {
        let unknown = || PtxErrorKind::Unknown(name.to_owned());
        let family = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let digits = &name[family.len()..];
        if digits.len() > 1 && digits.starts_with('0') {
            return Err(unknown());
        }
        let index: u32 = digits.parse().map_err(|_| unknown())?;
        let family = self.families.get(family).filter(|family| index < family.count).ok_or_else(unknown)?;
        let slot = u32::from(family.first) + index;
        Ok((family.class, Slot::try_from(slot).map_err(|_| unknown())?))
    }

    /// The slot of a register of a class.
    pub(crate) fn register(&self, name: &str, class: Class) -> Decoded<Slot> {
        let (found, slot) = self.find(name)?;
        if found == class {
            return Ok(slot);
        }
        let expected = match class {
            Class::Predicate => "a predicate register",
            Class::W16 => "a 16-bit register",
            Class::W32 => "a 32-bit register",
            Class::W64 => "a 64-bit register",
        };
        wrong(expected, &Operand::Name(name))
    }

    /// The slot of a register operand of a class.
    pub(crate) fn target(&self, operand: &Operand<'a>, class: Class) -> Decoded<Slot> {
        match operand {
            Operand::Name(name) => self.register(name, class),
            other => wrong("a register", other),
        }
    }

    /// A register of at least a width, that is no predicate.
    pub(crate) fn place(&self, operand: &Operand<'a>, bits: u32) -> Decoded<Place> {
        let Operand::Name(name) = operand else { return wrong("a register", operand) };
        let (class, slot) = self.find(name)?;
        let (file, width) = match class {
            Class::W16 => (File::W16, 16),
            Class::W32 => (File::W32, 32),
            Class::W64 => (File::W64, 64),
            Class::Predicate => return wrong("a register that is no predicate", operand),
        };
        if width < bits {
            return wrong("a wider register", operand);
        }
        Ok(Place { file, slot })
    }

    /// A register, or a constant of a kind.
    pub(crate) fn value(&mut self, operand: &Operand<'a>, kind: Kind) -> Decoded<Slot> {
        let width = match kind {
            Kind::Int(width) | Kind::Bits(width) => width,
            Kind::F32 => Width::W32,
            Kind::F64 => Width::W64,
        };
        match (operand, kind) {
            (Operand::Name(name), _) => self.register(name, width.class()),
            (Operand::Int(value), Kind::Int(_) | Kind::Bits(_)) => self.integer(*value, width),
            (Operand::F32(bits), Kind::F32 | Kind::Bits(Width::W32)) => self.constant32(*bits),
            (Operand::F64(bits), Kind::F64 | Kind::Bits(Width::W64)) => self.constant64(*bits),
            (Operand::Int(_), _) => wrong("a float", operand),
            (Operand::F32(_) | Operand::F64(_), _) => wrong("a number of another type", operand),
            _ => wrong("a register or a number", operand),
        }
    }

    /// An integer constant, signed or unsigned.
    fn integer(&mut self, value: i128, width: Width) -> Decoded<Slot> {
        let bits = width.bits();
        let (low, high) = (-(1i128 << (bits - 1)), (1i128 << bits) - 1);
        if !(low..=high).contains(&value) {
            return Err(PtxErrorKind::Number(value.to_string()));
        }
        // In range, so that the low bits are the value's two's complement.
        let pattern = (value & high) as u64;
        match width {
            Width::W64 => self.constant64(pattern),
            Width::W16 | Width::W32 => self.constant32(pattern as u32),
        }
    }

    /// The slot of a 32-bit constant.
    pub(crate) fn constant32(&mut self, value: u32) -> Decoded<Slot> {
        if let Some(&slot) = self.constants32.get(&value) {
            return Ok(slot);
        }
        let slot = self.allocate(Class::W32, 1)?;
        self.constants32.insert(value, slot);
        Ok(slot)
    }

    /// The slot of a 64-bit constant.
    pub(crate) fn constant64(&mut self, value: u64) -> Decoded<Slot> {
        if let Some(&slot) = self.constants64.get(&value) {
            return Ok(slot);
        }
        let slot = self.allocate(Class::W64, 1)?;
        self.constants64.insert(value, slot);
        Ok(slot)
    }

    /// Whether the name is a variable's.
    pub(crate) fn is_variable(&self, name: &str) -> bool {
        self.symbols.contains_key(name)
    }

    /// The slot that holds the address of a variable, and where it is.
    pub(crate) fn address(&mut self, name: &'a str) -> Decoded<(Slot, SymbolSpace)> {
        let symbol = *self.symbols.get(name).ok_or_else(|| PtxErrorKind::Unknown(name.to_owned()))?;
        let slot = match symbol.space {
            SymbolSpace::Shared => {
                let offset = self.shared_offset(name, symbol)?;
                self.constant64(offset)?
            }
            SymbolSpace::Global(number) | SymbolSpace::Const(number) => match self.addresses.get(&number) {
                Some(&slot) => slot,
                None => {
                    let slot = self.allocate(Class::W64, 1)?;
                    self.addresses.insert(number, slot);
                    slot
                }
            },
        };
        Ok((slot, symbol.space))
    }

    fn shared_offset(&mut self, name: &'a str, symbol: Symbol) -> Decoded<u64> {
        let offset = match self.shared.get(name) {
            Some(&offset) => offset,
            None => {
                let offset = self.shared_end.next_multiple_of(symbol.align.max(1));
                let end = offset.checked_add(symbol.bytes).filter(|&end| end <= SHARED_LIMIT);
                self.shared_end = end.ok_or(PtxErrorKind::TooMany("bytes of shared memory"))?;
                self.shared.insert(name, offset);
                offset
            }
        };
        Ok(offset as u64)
    }

    /// The register files.
    pub(crate) fn finish(self) -> Files {
        let by_slot = |mut list: Vec<(Slot, usize)>| {
            list.sort_unstable();
            list
        };
        Files {
            predicates: self.next[0] as usize,
            slots32: self.next[1] as usize,
            slots64: self.next[2] as usize,
            constants32: self.constants32.into_iter().map(|(value, slot)| (slot, value)).collect(),
            constants64: self.constants64.into_iter().map(|(value, slot)| (slot, value)).collect(),
            addresses: by_slot(self.addresses.into_iter().map(|(number, slot)| (slot, number)).collect()),
            shared: self.shared_end,
        }
    }
}

/// Shared memory that a block may declare without opting in to more.
const SHARED_LIMIT: usize = 48 * 1024;

impl Width {
    /// Bits of it.
    pub(crate) fn bits(self) -> u32 {
        match self {
            Width::W16 => 16,
            Width::W32 => 32,
            Width::W64 => 64,
        }
    }

    /// Class of registers that hold it.
    pub(crate) fn class(self) -> Class {
        match self {
            Width::W16 => Class::W16,
            Width::W32 => Class::W32,
            Width::W64 => Class::W64,
        }
    }
}
