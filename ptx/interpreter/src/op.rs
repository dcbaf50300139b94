//! Decoded instructions.
//!
//! Operands are slots of a warp's register files. Immediates are slots too, past the registers, that hold the same value
//! in all lanes. A 16-bit register is a slot of the 32-bit file with its upper half zero.

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

/// Width of an integer operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    W16,
    W32,
    W64,
}

/// Operations on two integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Add,
    Sub,
    MulLo,
    MulHiS,
    MulHiU,
    And,
    Or,
    Xor,
    MinS,
    MinU,
    MaxS,
    MaxU,
    DivS,
    DivU,
    RemS,
    RemU,
}

/// Shifts; the amount is a 32-bit register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shift {
    Left,
    RightS,
    RightU,
}

/// Operations on one integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unary {
    Mov,
    Not,
    Neg,
    Abs,
    /// The result is 32 bits.
    Clz,
    /// The result is 32 bits.
    Popc,
    Brev,
}

/// Operations on three or four 32-bit registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ternary {
    MadLo,
    MadHiS,
    MadHiU,
    BfeS,
    BfeU,
    Prmt,
    ShfLeftWrap,
    ShfLeftClamp,
    ShfRightWrap,
    ShfRightClamp,
    Lop3(u8),
    /// Four products of bytes, added; whether `a` and `b` are signed.
    Dp4a(bool, bool),
}

/// Operations on two floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FloatBinary {
    Add,
    Sub,
    Mul,
    Div,
    Min,
    Max,
    /// The magnitude of `b` with the sign of `a`.
    CopySign,
}

/// Operations on one float.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FloatUnary {
    Abs,
    Neg,
    Sqrt,
    Round(Rounding),
}

/// Rounding to an integral value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rounding {
    NearestEven,
    Zero,
    Down,
    Up,
}

/// Comparisons; a NaN makes the `U` ones true and the others false.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compare {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    EqU,
    NeU,
    LtU,
    LeU,
    GtU,
    GeU,
    Num,
    Nan,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compared {
    S16,
    U32,
    S32,
    U64,
    S64,
    F32,
    F64,
}

/// Operations on predicates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logic {
    And,
    Or,
    Xor,
}

/// How a value is cut to its low bits and extended again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extend {
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    All,
}

/// Which register file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum File {
    /// 16-bit registers, in the 32-bit file.
    W16,
    W32,
    W64,
}

/// A register with its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: File,
    pub(crate) slot: Slot,
}

/// Integer types that floats are converted from and to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Integer {
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
}

/// Spaces of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
    Global,
    Const,
    Shared,
}

/// Elements of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    S8,
    U8,
    S16,
    U16,
    S32,
    B32,
    B64,
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

/// Operations of `atom` and `red`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtomicOp {
    Add,
    And,
    Or,
    Xor,
    MinS,
    MinU,
    MaxS,
    MaxU,
    Exchange,
    CompareAndSwap,
    Increment,
    Decrement,
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

/// Modes of `shfl.sync`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shuffle {
    Up,
    Down,
    Butterfly,
    Index,
}

/// Modes of `vote.sync`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vote {
    All,
    Any,
    Uniform,
    Ballot,
}

/// Special registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Special {
    /// Thread in its block, along an axis.
    Thread(u8),
    /// Threads of a block.
    Threads(u8),
    /// Block in the grid.
    Block(u8),
    /// Blocks of the grid.
    Blocks(u8),
    Lane,
    Warp,
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
