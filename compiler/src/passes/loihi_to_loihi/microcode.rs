//! Neuron programs as functions of a module, one op an instruction. Not a pass.
//!
//! ```mlir
//! func.func private @relu() attributes {loihi.microcode} {
//!   "loihi.declare"() {kind = "port", text = "a"} : () -> ()
//!   "loihi.declare"() {kind = "out", text = "s"} : () -> ()
//!   "loihi.rdc"() {port = "a"} : () -> ()
//!   "loihi.lt"() {a = "a", b = "0"} : () -> ()
//!   "loihi.sel"() {to = "a", from = "0"} : () -> ()
//!   "loihi.spike"() {payload = "a", output = "s"} : () -> ()
//!   return
//! }
//! ```
//!
//! The ops say what a line of assembly text says, and [`Program`] reads and checks both.

use crate::mlir::{self, IrError, IrResult, MICROCODE};
use melior::{
    dialect::func,
    ir::{
        Attribute, Block, BlockLike, Identifier, Operation, OperationRef, Region, RegionLike,
        attribute::{StringAttribute, TypeAttribute},
        operation::OperationLike,
        r#type::FunctionType,
    },
};
use neurocuda_dialects::loihi::{self, Op};
use neurocuda_runtime::loihi::{Program, builtin, verify::accept};
use std::collections::BTreeMap;

/// States a program in `module`, if it is not there yet; where it comes from is `at`.
///
/// # Errors
///
/// If there is another one of its name.
pub fn state<'c>(
    at: OperationRef<'c, '_>,
    module: OperationRef<'c, '_>,
    program: &Program,
) -> IrResult<'c, ()> {
    let stated = read(module)?.remove(program.name());
    let is_stated = stated.is_some();
    let known = stated.or_else(|| builtin::program(program.name())?.ok());
    if known.is_some_and(|known| known != *program) {
        let problem =
            format!("microcode-name: there is another program `{0}`: call yours otherwise", program.name());
        return Err(IrError::at(at, problem));
    }
    if is_stated {
        return Ok(());
    }
    let (context, location) = (mlir::context(at), at.location());
    let block = Block::new(&[]);
    for op in ops(program).ok_or_else(|| IrError::at(at, format!("`{}` cannot be stated", program.name())))? {
        let built = op.build(context, &[], &[], location);
        block.append_operation(built.map_err(|error| IrError::at(at, error.to_string()))?);
    }
    block.append_operation(func::r#return(&[], location));
    let region = Region::new();
    region.append_block(block);
    let attributes = [
        (Identifier::new(context, "sym_visibility"), StringAttribute::new(context, "private").into()),
        (Identifier::new(context, MICROCODE), Attribute::unit(context)),
    ];
    let function: Operation<'c> = func::func(
        context,
        StringAttribute::new(context, program.name()),
        TypeAttribute::new(FunctionType::new(context, &[], &[]).into()),
        region,
        &attributes,
        location,
    );
    let body = module.first_region().and_then(|region| region.first_block());
    body.ok_or_else(|| IrError::module("the module has no body"))?.append_operation(function);
    Ok(())
}

/// Programs by name.
pub type Programs = BTreeMap<String, Program>;

/// The programs of `module`.
///
/// # Errors
///
/// If one is no program, or one that the verifier rejects.
pub fn read<'c>(module: OperationRef<'c, '_>) -> IrResult<'c, Programs> {
    let functions = mlir::functions(module).into_iter().filter(|function| function.has_attribute(MICROCODE));
    functions.map(|function| program(function).map(|program| (program.name().to_owned(), program))).collect()
}

/// The program that a population names: that of the module, else the built-in one.
///
/// # Errors
///
/// If there is none.
pub fn named<'c>(programs: &Programs, name: &str, at: OperationRef<'c, '_>) -> IrResult<'c, Program> {
    let program = programs.get(name).cloned().or_else(|| builtin::program(name)?.ok());
    program.ok_or_else(|| {
        let stated = programs.keys().map(String::as_str).collect::<Vec<_>>();
        let stated = if stated.is_empty() { "none".to_owned() } else { stated.join(", ") };
        IrError::at(
            at,
            format!("there is no program `{name}`: none is built in, and the module states {stated}"),
        )
    })
}

/// The program that a function holds.
fn program<'c>(function: OperationRef<'c, '_>) -> IrResult<'c, Program> {
    let name = mlir::string(function, "sym_name").unwrap_or_default();
    let body = function.first_region().and_then(|region| region.first_block());
    // The op of each line.
    let mut lines = vec![(format!("program {name}"), function)];
    let mut code = false;
    for operation in body.map(mlir::operations).unwrap_or_default() {
        if mlir::has_name(operation, "func.return") {
            continue;
        }
        let op = Op::read(operation).map_err(|error| IrError::at(operation, error.to_string()))?;
        let line = op.as_ref().and_then(line).filter(|line| !line.contains('\n'));
        let line = line.ok_or_else(|| IrError::at(operation, "the op is no instruction of a neuron"))?;
        if !code && !matches!(op, Some(Op::Declare(_))) {
            lines.push(("code".to_owned(), operation));
            code = true;
        }
        lines.push((line, operation));
    }
    if !code {
        lines.push(("code".to_owned(), function));
    }
    let text = lines.iter().map(|(line, _)| format!("{line}\n")).collect::<String>();
    let parsed = Program::parse(&text, &name).and_then(|program| accept(&program).map(|()| program));
    parsed.map_err(|error| {
        let line = error.place.and_then(|place| lines.get(place.line.saturating_sub(1)));
        let at = line.map_or(function, |(_, operation)| *operation);
        IrError::at(at, format!("{}: program `{name}`: {}", error.id(), error.message))
    })
}

/// The ops of a program.
fn ops(program: &Program) -> Option<Vec<Op<'static>>> {
    let text = program.to_string();
    let mut lines = text.lines().skip(1);
    let declared =
        lines.by_ref().take_while(|line| *line != "code").map(declaration).collect::<Option<Vec<_>>>();
    let mut ops = declared?;
    for line in lines {
        ops.push(instruction(line.trim(), program)?);
    }
    Some(ops)
}

fn declaration(line: &str) -> Option<Op<'static>> {
    let (kind, text) = line.split_once(' ')?;
    Some(Op::Declare(loihi::Declare { kind: kind.to_owned(), text: text.to_owned() }))
}

fn instruction(line: &str, program: &Program) -> Option<Op<'static>> {
    if let Some(name) = line.strip_suffix(':') {
        return Some(Op::Label(loihi::Label { name: name.to_owned() }));
    }
    let (mnemonic, operands) = line.split_once(' ')?;
    let operands = operands.split(", ").map(str::to_owned).collect::<Vec<_>>();
    let sense = !mnemonic.ends_with(".not");
    Some(match (mnemonic, operands.as_slice()) {
        ("rmw", [word]) => Op::Rmw(loihi::Rmw { word: word.clone() }),
        ("rdc", [port]) => Op::Rdc(loihi::Rdc { port: port.clone() }),
        ("mov", [to, from]) => Op::Mov(loihi::Mov { to: to.clone(), from: from.clone() }),
        ("sel", [to, from]) => Op::Sel(loihi::Sel { to: to.clone(), from: from.clone() }),
        ("neg", [to, from]) => Op::Neg(loihi::Neg { to: to.clone(), from: from.clone() }),
        ("and", [to, a, b]) => Op::And(loihi::And { to: to.clone(), a: a.clone(), b: b.clone() }),
        ("or", [to, a, b]) => Op::Or(loihi::Or { to: to.clone(), a: a.clone(), b: b.clone() }),
        ("shl", [to, a, b]) => Op::Shl(loihi::Shl { to: to.clone(), a: a.clone(), b: b.clone() }),
        ("add", [to, a, b]) => Op::Add(loihi::Add { to: to.clone(), a: a.clone(), b: b.clone() }),
        ("min", [to, a, b]) => Op::Min(loihi::Min { to: to.clone(), a: a.clone(), b: b.clone() }),
        ("mul_shr" | "mul_shr.floor", [to, a, b, shift]) => {
            let rounding = if mnemonic == "mul_shr" { "toward_zero" } else { "floor" };
            let [to, a, b, shift, rounding] = [to, a, b, shift, rounding].map(str::to_owned);
            Op::MulShr(loihi::MulShr { to, a, b, shift, rounding })
        }
        ("lt", [a, b]) => Op::Lt(loihi::Lt { a: a.clone(), b: b.clone() }),
        ("ge", [a, b]) => Op::Ge(loihi::Ge { a: a.clone(), b: b.clone() }),
        ("eq", [a, b]) => Op::Eq(loihi::Eq { a: a.clone(), b: b.clone() }),
        ("skp_c" | "skp_c.not", [count]) => Op::SkpC(loihi::SkpC { sense, count: count.parse().ok()? }),
        ("jmp_c" | "jmp_c.not", [label]) => Op::JmpC(loihi::JmpC { sense, label: label.clone() }),
        ("spike", [payload]) => {
            Op::Spike(loihi::Spike { payload: payload.clone(), output: program.outputs().first()?.clone() })
        }
        ("spike", [payload, output]) => {
            Op::Spike(loihi::Spike { payload: payload.clone(), output: output.clone() })
        }
        ("probe", [value, name]) => Op::Probe(loihi::Probe { value: value.clone(), name: name.clone() }),
        _ => return None,
    })
}

/// An op as a line of assembly; `None` if it is no part of a program.
fn line(op: &Op) -> Option<String> {
    let not = |sense: bool| if sense { "" } else { ".not" };
    Some(match op {
        Op::Declare(loihi::Declare { kind, text }) => format!("{kind} {text}"),
        Op::Label(loihi::Label { name }) => format!("{name}:"),
        Op::Rmw(loihi::Rmw { word }) => format!("rmw {word}"),
        Op::Rdc(loihi::Rdc { port }) => format!("rdc {port}"),
        Op::Mov(loihi::Mov { to, from }) => format!("mov {to}, {from}"),
        Op::Sel(loihi::Sel { to, from }) => format!("sel {to}, {from}"),
        Op::Neg(loihi::Neg { to, from }) => format!("neg {to}, {from}"),
        Op::And(loihi::And { to, a, b }) => format!("and {to}, {a}, {b}"),
        Op::Or(loihi::Or { to, a, b }) => format!("or {to}, {a}, {b}"),
        Op::Shl(loihi::Shl { to, a, b }) => format!("shl {to}, {a}, {b}"),
        Op::Add(loihi::Add { to, a, b }) => format!("add {to}, {a}, {b}"),
        Op::Min(loihi::Min { to, a, b }) => format!("min {to}, {a}, {b}"),
        Op::MulShr(loihi::MulShr { to, a, b, shift, rounding }) => {
            let mode = match rounding.as_str() {
                "toward_zero" => "",
                "floor" => ".floor",
                _ => return None,
            };
            format!("mul_shr{mode} {to}, {a}, {b}, {shift}")
        }
        Op::Lt(loihi::Lt { a, b }) => format!("lt {a}, {b}"),
        Op::Ge(loihi::Ge { a, b }) => format!("ge {a}, {b}"),
        Op::Eq(loihi::Eq { a, b }) => format!("eq {a}, {b}"),
        Op::SkpC(loihi::SkpC { sense, count }) => format!("skp_c{} {count}", not(*sense)),
        Op::JmpC(loihi::JmpC { sense, label }) => format!("jmp_c{} {label}", not(*sense)),
        Op::Spike(loihi::Spike { payload, output }) => format!("spike {payload}, {output}"),
        Op::Probe(loihi::Probe { value, name }) => format!("probe {value}, {name}"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{on_module, operation};
    use neurocuda_runtime::loihi::builtin::BUILT_IN;

    const EMPTY: &str =
        "module { func.func @net(%x: tensor<?x2xf32>) -> tensor<?x2xf32> { return %x : tensor<?x2xf32> } }";

    #[test]
    fn programs_come_back_from_a_module_as_they_were() {
        on_module(EMPTY, |module| {
            let module = operation(module);
            let network = mlir::network(module).unwrap();
            for (name, _) in BUILT_IN {
                let program = builtin::program(name).unwrap().unwrap();
                state(network, module, &program).unwrap();
                state(network, module, &program).unwrap();
            }
            assert_eq!(mlir::functions(module).len(), BUILT_IN.len() + 1);
            for (name, program) in read(module).unwrap() {
                assert_eq!(builtin::program(&name).unwrap().unwrap(), program);
            }
        });
    }

    fn refused(body: &str) -> String {
        let text = format!("{EMPTY}\n").replace(
            "} }",
            &format!("}} func.func private @p() attributes {{loihi.microcode}} {{ {body} return }} }}"),
        );
        on_module(&text, |module| read(operation(module)).unwrap_err().to_string())
    }

    #[test]
    fn functions_that_are_no_programs_are_refused() {
        let unset = refused(
            r#""loihi.declare"() {kind = "out", text = "s"} : () -> () "loihi.spike"() {payload = "x", output = "s"} : () -> ()"#,
        );
        assert!(unset.starts_with("microcode-name: program `p`"), "{unset}");
        let unknown = refused(r#""loihi.jmp_c"() {sense = true, label = "far"} : () -> ()"#);
        assert!(unknown.starts_with("microcode-"), "{unknown}");
        let rounding = refused(
            r#""loihi.mul_shr"() {to = "x", a = "1", b = "1", shift = "0", rounding = "up"} : () -> ()"#,
        );
        assert_eq!(rounding, "the op is no instruction of a neuron");
        let lines = refused(r#""loihi.label"() {name = "a:\ncode"} : () -> ()"#);
        assert_eq!(lines, "the op is no instruction of a neuron");
        let empty = refused(r#""loihi.rmw"() {word = ""} : () -> ()"#);
        assert!(empty.starts_with("microcode-"), "{empty}");
    }
}
