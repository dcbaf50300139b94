//! Order of the instructions.
//!
//! Lanes that have gone different ways run in the order of their instructions, those that are furthest behind first. For
//! them to meet again as soon as they can, an instruction has to come before all that can follow it, and a loop in one
//! piece before what comes after it: a weak topological order (Bourdoncle, "Efficient chaotic iteration strategies with
//! widenings", 1993). Lanes that meet later than that would miss each other at an instruction that a warp does together.

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::error::{PtxError, PtxErrorKind};
use crate::op::{Inst, Op};

/// Instructions in their order.
pub(crate) struct Layout {
    pub(crate) instructions: Vec<Inst>,
    pub(crate) tables: Vec<Vec<u32>>,
    pub(crate) entry: u32,
}

/// Instructions `from..to` and the blocks that can follow, that behind it first.
struct Block {
    from: usize,
    to: usize,
    next: Option<usize>,
    others: Vec<usize>,
}

/// Orders instructions whose branches lead to labels before the instructions `places`, and has the branches lead to
/// instructions. `line` is the one of the kernel's end.
pub(crate) fn arrange(
    code: Vec<Inst>,
    places: &[u32],
    tables: Vec<Vec<u32>>,
    line: u32,
) -> Result<Layout, PtxError> {
    let at = |label: u32| places.get(label as usize).map_or(usize::MAX, |&place| place as usize);
    let (blocks, block_of) = blocks(&code, at, &tables, line)?;
    let order = order(&blocks);

    let mut instructions = Vec::with_capacity(code.len() + blocks.len());
    let mut starts = vec![0u32; blocks.len()];
    let index =
        |length: usize| u32::try_from(length).map_err(|_| PtxErrorKind::TooMany("instructions").at(line));
    // Branches to labels first become branches to blocks.
    for (position, &number) in order.iter().enumerate() {
        let Some(block) = blocks.get(number) else { continue };
        starts[number] = index(instructions.len())?;
        for inst in code.get(block.from..block.to).unwrap_or_default() {
            let mut inst = inst.clone();
            if let Op::Branch { target } = &mut inst.op {
                *target = index(block_of[at(*target)])?;
            }
            instructions.push(inst);
        }
        if let Some(next) = block.next.filter(|next| order.get(position + 1) != Some(next)) {
            let line = instructions.last().map_or(line, |inst: &Inst| inst.line);
            instructions.push(Inst { op: Op::Branch { target: index(next)? }, guard: None, line });
        }
    }
    for inst in &mut instructions {
        if let Op::Branch { target } = &mut inst.op {
            *target = starts[*target as usize];
        }
    }
    let tables = tables
        .into_iter()
        .map(|table| table.into_iter().map(|label| starts[block_of[at(label)]]).collect())
        .collect();
    Ok(Layout { instructions, tables, entry: starts[0] })
}

/// The basic blocks, and the block that begins at an instruction.
fn blocks(
    code: &[Inst],
    at: impl Fn(u32) -> usize,
    tables: &[Vec<u32>],
    line: u32,
) -> Result<(Vec<Block>, Vec<usize>), PtxError> {
    let ends = |inst: &Inst| match inst.op {
        Op::Branch { .. } | Op::BranchIndexed { .. } => true,
        Op::Exit | Op::Trap => inst.guard.is_none(),
        _ => false,
    };
    let mut first = vec![false; code.len()];
    let mut begin = |place: usize| match first.get_mut(place) {
        Some(first) => {
            *first = true;
            Ok(())
        }
        // A label at the end of the kernel, or a kernel without instructions.
        None => Err(PtxErrorKind::NoEnd.at(line)),
    };
    begin(0)?;
    for (place, inst) in code.iter().enumerate() {
        if let Op::Branch { target } = inst.op {
            begin(at(target))?;
        }
        if ends(inst) && place + 1 < code.len() {
            begin(place + 1)?;
        }
    }
    for &label in tables.iter().flatten() {
        begin(at(label))?;
    }
    let starts: Vec<usize> = (0..code.len()).filter(|&place| first[place]).collect();
    let mut block_of = vec![0; code.len()];
    for (number, &start) in starts.iter().enumerate() {
        block_of[start] = number;
    }
    let mut blocks = Vec::with_capacity(starts.len());
    for (number, &from) in starts.iter().enumerate() {
        let to = starts.get(number + 1).copied().unwrap_or(code.len());
        let mut block = Block { from, to, next: None, others: Vec::new() };
        let Some(last) = code.get(to - 1) else { continue };
        match last.op {
            Op::Branch { target } => block.others.push(block_of[at(target)]),
            Op::BranchIndexed { table, .. } => {
                let targets = tables.get(table as usize).into_iter().flatten();
                block.others.extend(targets.map(|&label| block_of[at(label)]));
            }
            _ => {}
        }
        if last.guard.is_some() || !ends(last) {
            if number + 1 == starts.len() {
                return Err(PtxErrorKind::NoEnd.at(last.line));
            }
            block.next = Some(number + 1);
        }
        blocks.push(block);
    }
    Ok((blocks, block_of))
}

/// Weak topological order of the blocks, without recursion.
fn order(blocks: &[Block]) -> Vec<usize> {
    let mut order = Vec::with_capacity(blocks.len());
    // Sets of blocks that are still to be ordered, the next one last. The first of a set is where it is entered.
    let mut sets: Vec<Vec<usize>> = vec![(0..blocks.len()).collect()];
    let mut local = vec![usize::MAX; blocks.len()];
    let mut member = vec![false; blocks.len()];
    let mut before = vec![Vec::new(); blocks.len()];
    for (number, block) in blocks.iter().enumerate() {
        for &next in block.next.iter().chain(&block.others) {
            before[next].push(number);
        }
    }
    while let Some(set) = sets.pop() {
        if let [only] = set[..] {
            order.push(only);
            continue;
        }
        for (index, &block) in set.iter().enumerate() {
            local[block] = index;
        }
        let mut graph = DiGraph::<(), ()>::with_capacity(set.len(), 2 * set.len());
        for _ in &set {
            graph.add_node(());
        }
        for (index, &block) in set.iter().enumerate() {
            for &next in blocks[block].next.iter().chain(&blocks[block].others) {
                if local[next] != usize::MAX {
                    graph.add_edge(NodeIndex::new(index), NodeIndex::new(local[next]), ());
                }
            }
        }
        let mut parts: Vec<Vec<usize>> = Vec::new();
        // Components come in reverse topological order, which is the one of a stack.
        for component in kosaraju_scc(&graph) {
            let mut members: Vec<usize> = component.into_iter().map(|node| set[node.index()]).collect();
            members.sort_unstable();
            if members.len() == 1 {
                parts.push(members);
                continue;
            }
            let head = head(&members, &before, &mut member);
            members.retain(|&member| member != head);
            parts.push(members);
            parts.push(vec![head]);
        }
        for &block in &set {
            local[block] = usize::MAX;
        }
        sets.extend(parts);
    }
    order
}

/// The block that a loop is entered by; the first one if there are several or none.
fn head(members: &[usize], before: &[Vec<usize>], member: &mut [bool]) -> usize {
    for &block in members {
        member[block] = true;
    }
    let entered = |block: usize| before[block].iter().any(|&previous| !member[previous]);
    let found = members.iter().copied().find(|&block| block == 0 || entered(block));
    for &block in members {
        member[block] = false;
    }
    found.or(members.first().copied()).unwrap_or(0)
}
