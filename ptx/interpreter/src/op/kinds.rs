//! Which operation an instruction is, and on what.

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
    Reciprocal,
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
