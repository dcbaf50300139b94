//! Decoded instructions.
//!
//! Operands are slots of a warp's register files. Immediates are slots too, past the registers, that hold the same value
//! in all lanes. A 16-bit register is a slot of the 32-bit file with its upper half zero.

mod kinds;

pub(crate) use kinds::*;

/// Place in a register file.
pub(crate) type Slot = u16;

/// An instruction with its guard.
#[derive(Clone, Debug)]
pub(crate) struct Inst {
    pub(crate) op: Op,
    /// Predicate that selects the lanes, and whether it is negated.
    pub(crate) guard: Option<(Slot, bool)>,
    pub(crate) line: u32,
}

/// A register with its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: File,
    pub(crate) slot: Slot,
}

/// A load or a store of one, two or four elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) space: Space,
    pub(crate) element: Element,
    pub(crate) file: File,
    pub(crate) count: u8,
    /// Registers that are loaded or stored; the first `count` of them.
    pub(crate) registers: [Slot; 4],
    /// Register of the 64-bit file.
    pub(crate) base: Slot,
    pub(crate) offset: i64,
}

/// An atomic operation on 32 or 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Atomic {
    pub(crate) space: Space,
    pub(crate) op: AtomicOp,
    pub(crate) wide: bool,
    /// Register of the old value.
    pub(crate) old: Option<Slot>,
    pub(crate) base: Slot,
    pub(crate) offset: i64,
    pub(crate) a: Slot,
    /// The new value of `cas`.
    pub(crate) b: Slot,
}

/// A matrix product of a warp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mma {
    /// Whether k is 32 and not 16.
    pub(crate) deep: bool,
    pub(crate) signed_a: bool,
    pub(crate) signed_b: bool,
    pub(crate) saturate: bool,
    pub(crate) d: [Slot; 4],
    /// The first two of it where k is 16.
    pub(crate) a: [Slot; 4],
    /// The first of it where k is 16.
    pub(crate) b: [Slot; 2],
    pub(crate) c: [Slot; 4],
}

/// An operation. `d` is the destination.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Binary {
        op: Binary,
        width: Width,
        d: Slot,
        a: Slot,
        b: Slot,
    },
    Shift {
        op: Shift,
        width: Width,
        d: Slot,
        a: Slot,
        b: Slot,
    },
    Unary {
        op: Unary,
        width: Width,
        d: Slot,
        a: Slot,
    },
    Ternary {
        op: Ternary,
        d: Slot,
        a: Slot,
        b: Slot,
        c: Slot,
    },
    /// Bit field of `a` put into `b`.
    Insert {
        wide: bool,
        d: Slot,
        a: Slot,
        b: Slot,
        position: Slot,
        length: Slot,
    },
    Extract64 {
        signed: bool,
        d: Slot,
        a: Slot,
        position: Slot,
        length: Slot,
    },
    /// `mad.lo.s16`.
    Mad16 {
        d: Slot,
        a: Slot,
        b: Slot,
        c: Slot,
    },
    /// `mad.lo` of 64 bits.
    Mad64 {
        d: Slot,
        a: Slot,
        b: Slot,
        c: Slot,
    },
    /// Product of twice the width of its factors, plus `c`.
    Wide {
        signed: bool,
        from16: bool,
        d: Slot,
        a: Slot,
        b: Slot,
        c: Option<Slot>,
    },
    Float32 {
        op: FloatBinary,
        d: Slot,
        a: Slot,
        b: Slot,
    },
    Float64 {
        op: FloatBinary,
        d: Slot,
        a: Slot,
        b: Slot,
    },
    FloatUnary {
        op: FloatUnary,
        double: bool,
        d: Slot,
        a: Slot,
    },
    Fma {
        double: bool,
        d: Slot,
        a: Slot,
        b: Slot,
        c: Slot,
    },
    Compare {
        compare: Compare,
        of: Compared,
        d: Slot,
        not: Option<Slot>,
        a: Slot,
        b: Slot,
        with: Option<(Logic, Slot, bool)>,
    },
    /// `a` where the predicate holds, else `b`.
    Select {
        wide: bool,
        d: Slot,
        a: Slot,
        b: Slot,
        predicate: Slot,
    },
    Logic {
        op: Logic,
        d: Slot,
        a: Slot,
        b: Slot,
    },
    Not {
        d: Slot,
        a: Slot,
    },
    MovPredicate {
        d: Slot,
        a: Slot,
    },
    SetPredicate {
        d: Slot,
        holds: bool,
    },
    Extend {
        extend: Extend,
        d: Place,
        a: Place,
    },
    FloatToInt {
        round: Rounding,
        double: bool,
        to: Integer,
        d: Place,
        a: Slot,
    },
    IntToFloat {
        double: bool,
        from: Integer,
        d: Slot,
        a: Place,
    },
    Widen {
        d: Slot,
        a: Slot,
    },
    Narrow {
        d: Slot,
        a: Slot,
    },
    /// Registers of a file side by side, the first lowest, in one register that is `parts` times as wide.
    Pack {
        from: File,
        parts: u8,
        d: Place,
        a: [Slot; 4],
    },
    Unpack {
        to: File,
        parts: u8,
        d: [Option<Slot>; 4],
        a: Place,
    },
    Special {
        special: Special,
        d: Slot,
    },
    /// Bytes of the parameters, from `offset`.
    Parameter {
        element: Element,
        offset: u32,
        d: Place,
    },
    Load(Access),
    Store(Access),
    Atomic(Atomic),
    Shuffle {
        mode: Shuffle,
        d: Slot,
        inside: Option<Slot>,
        a: Slot,
        b: Slot,
        c: Slot,
        members: Slot,
    },
    Vote {
        mode: Vote,
        d: Slot,
        a: Slot,
        negated: bool,
        members: Slot,
    },
    /// `redux.sync`.
    Reduce {
        op: Binary,
        d: Slot,
        a: Slot,
        members: Slot,
    },
    ActiveMask {
        d: Slot,
    },
    WarpSync {
        members: Slot,
    },
    Mma(Mma),
    Barrier,
    Fence,
    Branch {
        target: u32,
    },
    /// `brx.idx` to a label of a table.
    BranchIndexed {
        index: Slot,
        table: u32,
    },
    Exit,
    Trap,
}
