//! The instructions of neuron programs, and what each does to 32-bit integers.
//!
//! The set is the one that Intel's technology brief of Loihi 2 lists. Encodings, register width, rounding of `MUL_SHR` and overflow
//! are not public; what stands here about them is this project's choice: registers are 32-bit signed, `ADD`, `NEG`, `SHL` and the
//! result of `MUL_SHR` are taken modulo 2³².

/// A register: state words first, then ports, then the others, as [`super::Program::registers`] lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Register(pub(super) usize);

impl Register {
    /// Position in [`super::Program::registers`].
    pub fn index(self) -> usize {
        self.0
    }
}

/// What an instruction reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A register.
    Register(Register),
    /// A parameter or a derived value, by its position in [`super::Program::values`].
    Value(usize),
    /// A number in the instruction.
    Immediate(i32),
}

/// Operations of two operands and a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// Bitwise and.
    And,
    /// Bitwise or.
    Or,
    /// `a · 2^b`; a negative `b` shifts right arithmetically, which rounds down.
    Shl,
    /// Sum modulo 2³².
    Add,
    /// The smaller one.
    Min,
}

/// How `MUL_SHR` rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Magnitude and sign apart: towards zero.
    TowardZero,
    /// Down, as an arithmetic shift does.
    Floor,
}

/// Comparisons, which set the condition flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `a < b`
    Less,
    /// `a ≥ b`
    GreaterEqual,
    /// `a = b`
    Equal,
}

/// One instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instruction {
    /// Reads a state word into the register of its name, which is written back when the program ends.
    Rmw(Register),
    /// Reads an accumulator into the register of its name and clears the accumulator.
    Rdc(Register),
    /// Copies.
    Mov {
        /// Result.
        to: Register,
        /// What is copied.
        from: Operand,
    },
    /// Copies where the flag is set.
    Sel {
        /// Result.
        to: Register,
        /// What is copied.
        from: Operand,
    },
    /// See [`Binary`].
    Binary {
        /// Which one.
        operation: Binary,
        /// Result.
        to: Register,
        /// First operand.
        a: Operand,
        /// Second operand.
        b: Operand,
    },
    /// `−from` modulo 2³².
    Neg {
        /// Result.
        to: Register,
        /// What is negated.
        from: Operand,
    },
    /// The 64-bit product of `a` and `b`, shifted right by 0 to 63 bits.
    MulShr {
        /// Result.
        to: Register,
        /// First factor.
        a: Operand,
        /// Second factor.
        b: Operand,
        /// Number of bits.
        shift: Operand,
        /// How the bits that fall off round.
        rounding: Rounding,
    },
    /// Sets the flag.
    Compare {
        /// Which one.
        comparison: Comparison,
        /// Left side.
        a: Operand,
        /// Right side.
        b: Operand,
    },
    /// Leaves out instructions where the flag equals `sense`.
    Skip {
        /// What the flag has to be.
        sense: bool,
        /// How many instructions.
        count: usize,
    },
    /// Goes on at a label where the flag equals `sense`.
    Jump {
        /// What the flag has to be.
        sense: bool,
        /// Position in [`super::Program::labels`].
        label: usize,
    },
    /// Sends a spike; a payload of 0 sends nothing.
    Spike {
        /// What it carries.
        payload: Operand,
        /// Position in [`super::Program::outputs`].
        output: usize,
    },
    /// Shows a value to whoever traces.
    Probe {
        /// What is shown.
        value: Operand,
        /// Position in [`super::Program::probes`].
        probe: usize,
    },
}

impl Instruction {
    /// The register that a result goes to.
    pub fn result(&self) -> Option<Register> {
        match *self {
            Self::Mov { to, .. }
            | Self::Sel { to, .. }
            | Self::Binary { to, .. }
            | Self::Neg { to, .. }
            | Self::MulShr { to, .. } => Some(to),
            _ => None,
        }
    }

    /// What is read, the flag and state words apart. `SEL` reads its own result too, which stays where the flag is not set.
    pub fn operands(&self) -> impl Iterator<Item = Operand> {
        let operands = match *self {
            Self::Rmw(_) | Self::Rdc(_) | Self::Skip { .. } | Self::Jump { .. } => [None; 3],
            Self::Mov { from, .. } | Self::Neg { from, .. } => [Some(from), None, None],
            Self::Sel { to, from } => [Some(from), Some(Operand::Register(to)), None],
            Self::Binary { a, b, .. } | Self::Compare { a, b, .. } => [Some(a), Some(b), None],
            Self::MulShr { a, b, shift, .. } => [Some(a), Some(b), Some(shift)],
            Self::Spike { payload, .. } => [Some(payload), None, None],
            Self::Probe { value, .. } => [Some(value), None, None],
        };
        operands.into_iter().flatten()
    }

    /// Whether the flag decides what the instruction does.
    pub fn reads_flag(&self) -> bool {
        matches!(self, Self::Sel { .. } | Self::Skip { .. } | Self::Jump { .. })
    }
}

impl Binary {
    /// The result.
    #[inline(always)]
    pub fn apply(self, a: i32, b: i32) -> i32 {
        match self {
            Self::And => a & b,
            Self::Or => a | b,
            Self::Shl => shl(a, b),
            Self::Add => a.wrapping_add(b),
            Self::Min => a.min(b),
        }
    }
}

impl Comparison {
    /// The flag.
    #[inline(always)]
    pub fn apply(self, a: i32, b: i32) -> bool {
        match self {
            Self::Less => a < b,
            Self::GreaterEqual => a >= b,
            Self::Equal => a == b,
        }
    }
}

/// `value · 2^amount` modulo 2³², rounded down.
#[inline(always)]
pub fn shl(value: i32, amount: i32) -> i32 {
    if amount >= 0 {
        // Beyond 31 bits nothing is left of the value.
        if amount > 31 { 0 } else { value << amount }
    } else {
        value >> amount.max(-31).wrapping_neg()
    }
}

/// `a · b / 2^shift` modulo 2³²; the shift is taken as 0 where it is negative and as 63 where it is larger.
#[inline(always)]
pub fn mul_shr(a: i32, b: i32, shift: i32, rounding: Rounding) -> i32 {
    let product = i64::from(a) * i64::from(b);
    let shift = shift.clamp(0, 63) as u32;
    match rounding {
        Rounding::Floor => (product >> shift) as i32,
        Rounding::TowardZero => {
            let sign = product >> 63;
            let magnitude = ((product ^ sign).wrapping_sub(sign) as u64 >> shift) as i64;
            ((magnitude ^ sign).wrapping_sub(sign)) as i32
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_are_defined_for_every_amount() {
        assert_eq!([shl(-5, -1), shl(-1, -40), shl(7, -100), shl(i32::MIN, i32::MIN)], [-3, -1, 0, -1]);
        assert_eq!([shl(1, 31), shl(3, 31), shl(1, 32), shl(-1, i32::MAX)], [i32::MIN, i32::MIN, 0, 0]);
    }

    #[test]
    fn products_round_as_asked() {
        for (a, b) in [(-7, 3), (7, -3), (-4096, 1), (i32::MIN, i32::MIN), (i32::MIN, i32::MAX), (-1, 1)] {
            for shift in [0, 1, 5, 12, 31, 32, 62, 63, 64, i32::MAX] {
                let exact = i128::from(a) * i128::from(b);
                let shift = shift.min(63);
                assert_eq!(mul_shr(a, b, shift, Rounding::Floor), (exact >> shift) as i32);
                assert_eq!(mul_shr(a, b, shift, Rounding::TowardZero), (exact / (1 << shift)) as i32);
            }
        }
        assert_eq!(mul_shr(-7, 3, -5, Rounding::TowardZero), -21);
    }
}
