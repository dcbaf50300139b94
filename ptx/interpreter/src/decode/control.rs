//! Branches, barriers and ends.

use super::{Decoded, Decoder, name, wrong};
use crate::error::PtxErrorKind;
use crate::op::{Op, Width};
use crate::parse::operand::{Operand, Statement};

impl<'a> Decoder<'a> {
    pub(super) fn control(&mut self, parts: &[&str], st: &Statement<'a>) -> Decoded<Option<Op>> {
        let op = match *parts {
            ["bra"] | ["bra", "uni"] => {
                let [target] = Self::operands(st)?;
                let target = name(target, "a label")?;
                Op::Branch { target: self.label_number(target, st.line).map_err(|error| error.kind)? }
            }
            ["brx", "idx"] | ["brx", "idx", "uni"] => {
                let [index, table] = Self::operands(st)?;
                let index = self.int(index, Width::W32)?;
                let table = name(table, "a table of labels")?;
                let number = self.table_names.get(table);
                let table = *number.ok_or_else(|| PtxErrorKind::Unknown(table.to_owned()))?;
                Op::BranchIndexed { index, table }
            }
            ["ret"] | ["exit"] => {
                let [] = Self::operands(st)?;
                Op::Exit
            }
            ["trap"] => {
                let [] = Self::operands(st)?;
                Op::Trap
            }
            ["bar", "sync"] => {
                let [barrier] = Self::operands(st)?;
                if *barrier != Operand::Int(0) {
                    return wrong("the barrier 0", barrier);
                }
                Op::Barrier
            }
            ["bar", "warp", "sync"] => {
                let [members] = Self::operands(st)?;
                Op::WarpSync { members: self.int(members, Width::W32)? }
            }
            // There is one thread at a time, and its accesses are done in order.
            ["membar", "cta" | "gl" | "sys"] | ["fence", "sc" | "acq_rel", "cta" | "gpu" | "sys"] => {
                let [] = Self::operands(st)?;
                Op::Fence
            }
            _ => return Ok(None),
        };
        Ok(Some(op))
    }
}
