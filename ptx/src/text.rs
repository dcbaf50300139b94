//! A kernel under construction: MLIR text, and handles for the values in it.
//!
//! Kernels are written as text and parsed by MLIR once, which checks every type. A handle is a number and a type, so code that makes
//! kernels is free of the lifetimes of IR that grows inside nested regions.

use std::{collections::HashMap, fmt::Write as _};

/// Type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Type {
    I1,
    I8,
    I16,
    I32,
    I64,
    F32,
    F64,
    /// Pointer to global memory.
    Pointer,
    /// Four words.
    Words4,
}

impl Type {
    fn text(self) -> &'static str {
        match self {
            Self::I1 => "i1",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Pointer => "!llvm.ptr<1>",
            Self::Words4 => "vector<4xi32>",
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::I1 | Self::I8 => 1,
            Self::I16 => 2,
            Self::I32 | Self::F32 => 4,
            Self::I64 | Self::F64 | Self::Pointer => 8,
            Self::Words4 => 16,
        }
    }
}

/// A value of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Value {
    name: u32,
    /// Which result of an op with several.
    result: Option<u32>,
    pub(crate) r#type: Type,
}

impl std::fmt::Display for Value {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "%{}", self.name)?;
        self.result.map_or(Ok(()), |result| write!(formatter, "#{result}"))
    }
}

/// Integer types of the two operands of a matrix product, A then B; B is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signedness {
    Signed,
    Unsigned,
}

/// A kernel under construction.
#[derive(Debug, Default)]
pub(crate) struct Kernel {
    pointers: Vec<Value>,
    scalars: Vec<Value>,
    /// Constants, which stand at the start so that every region sees them.
    constants: String,
    constant_values: HashMap<(i64, Type), Value>,
    body: String,
    next: u32,
}

impl Kernel {
    /// An empty kernel.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The next parameter: a pointer.
    pub(crate) fn pointer(&mut self) -> Value {
        let pointer = self.fresh(Type::Pointer);
        self.pointers.push(pointer);
        pointer
    }

    /// The next parameter behind all pointers: an integer.
    pub(crate) fn scalar(&mut self) -> Value {
        let scalar = self.fresh(Type::I32);
        self.scalars.push(scalar);
        scalar
    }

    /// The text of the function called `name`, with `threads` threads in a block.
    pub(crate) fn finish(self, name: &str, threads: u32, registers: u32) -> String {
        let parameters = self.pointers.iter().chain(&self.scalars);
        let parameters =
            parameters.map(|value| format!("{value}: {}", value.r#type.text())).collect::<Vec<_>>();
        format!(
            "  gpu.func @{name}({}) kernel attributes {{known_block_size = array<i32: {threads}, 1, 1>, nvvm.maxnreg = {registers} : i32}} \
             {{\n{}{}    gpu.return\n  }}\n",
            parameters.join(", "),
            self.constants,
            self.body,
        )
    }

    fn fresh(&mut self, r#type: Type) -> Value {
        self.next += 1;
        Value { name: self.next - 1, result: None, r#type }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.body, "    {line}");
    }

    /// An integer constant.
    pub(crate) fn constant(&mut self, value: i64, r#type: Type) -> Value {
        if let Some(&known) = self.constant_values.get(&(value, r#type)) {
            return known;
        }
        let constant = self.fresh(r#type);
        let _ = writeln!(self.constants, "    {constant} = arith.constant {value} : {}", r#type.text());
        self.constant_values.insert((value, r#type), constant);
        constant
    }

    /// A 32-bit constant.
    pub(crate) fn i32(&mut self, value: i32) -> Value {
        self.constant(value.into(), Type::I32)
    }

    /// A real constant, bit for bit.
    pub(crate) fn f64(&mut self, value: f64) -> Value {
        let constant = self.fresh(Type::F64);
        self.line(format_args!("{constant} = arith.constant 0x{:016X} : f64", value.to_bits()));
        constant
    }

    /// `%r = op %a, %b : T`.
    pub(crate) fn binary(&mut self, op: &str, a: Value, b: Value) -> Value {
        let result = self.fresh(a.r#type);
        self.line(format_args!("{result} = {op} {a}, {b} : {}", a.r#type.text()));
        result
    }

    pub(crate) fn add(&mut self, a: Value, b: Value) -> Value {
        self.binary("arith.addi", a, b)
    }

    pub(crate) fn sub(&mut self, a: Value, b: Value) -> Value {
        self.binary("arith.subi", a, b)
    }

    pub(crate) fn mul(&mut self, a: Value, b: Value) -> Value {
        self.binary("arith.muli", a, b)
    }

    /// `a + constant`.
    pub(crate) fn plus(&mut self, a: Value, constant: i64) -> Value {
        if constant == 0 {
            return a;
        }
        let constant = self.constant(constant, a.r#type);
        self.add(a, constant)
    }

    /// `a · constant`.
    pub(crate) fn times(&mut self, a: Value, constant: i64) -> Value {
        if constant == 1 {
            return a;
        }
        let constant = self.constant(constant, a.r#type);
        self.mul(a, constant)
    }

    /// `a / constant`, of non-negative numbers.
    pub(crate) fn over(&mut self, a: Value, constant: i64) -> Value {
        if constant == 1 {
            return a;
        }
        let constant = self.constant(constant, a.r#type);
        self.binary("arith.divui", a, constant)
    }

    /// `a mod constant`, of non-negative numbers.
    pub(crate) fn modulo(&mut self, a: Value, constant: i64) -> Value {
        let constant = self.constant(constant, a.r#type);
        self.binary("arith.remui", a, constant)
    }

    /// A comparison, such as `sge`.
    pub(crate) fn compare(&mut self, predicate: &str, a: Value, b: Value) -> Value {
        let result = self.fresh(Type::I1);
        self.line(format_args!("{result} = arith.cmpi {predicate}, {a}, {b} : {}", a.r#type.text()));
        result
    }

    pub(crate) fn select(&mut self, condition: Value, then: Value, otherwise: Value) -> Value {
        let result = self.fresh(then.r#type);
        let r#type = then.r#type.text();
        if then.r#type == Type::Pointer {
            self.line(format_args!("{result} = llvm.select {condition}, {then}, {otherwise} : i1, {type}"));
        } else {
            self.line(format_args!("{result} = arith.select {condition}, {then}, {otherwise} : {type}"));
        }
        result
    }

    /// A conversion, such as `arith.extsi`; none if the value has the type already.
    pub(crate) fn cast(&mut self, op: &str, value: Value, to: Type) -> Value {
        if value.r#type == to {
            return value;
        }
        let result = self.fresh(to);
        self.line(format_args!("{result} = {op} {value} : {} to {}", value.r#type.text(), to.text()));
        result
    }

    /// Sign-extends to 64 bits.
    pub(crate) fn wide(&mut self, value: Value) -> Value {
        self.cast("arith.extsi", value, Type::I64)
    }

    /// A function of LLVM of reals, such as `floor`.
    pub(crate) fn real(&mut self, function: &str, arguments: &[Value]) -> Value {
        let result = self.fresh(Type::F64);
        let types = vec!["f64"; arguments.len()].join(", ");
        let arguments = join(arguments);
        self.line(format_args!(
            "{result} = llvm.call_intrinsic \"llvm.{function}.f64\"({arguments}) : ({types}) -> f64"
        ));
        result
    }

    /// The address of element `index` of an array of `element`.
    pub(crate) fn at(&mut self, pointer: Value, index: Value, element: Type) -> Value {
        let result = self.fresh(Type::Pointer);
        self.line(format_args!(
            "{result} = llvm.getelementptr {pointer}[{index}] : (!llvm.ptr<1>, {}) -> !llvm.ptr<1>, {}",
            index.r#type.text(),
            element.text()
        ));
        result
    }

    /// Reads memory, which is aligned to the type's size.
    pub(crate) fn load(&mut self, pointer: Value, r#type: Type) -> Value {
        let result = self.fresh(r#type);
        let (bytes, r#type) = (r#type.bytes(), r#type.text());
        self.line(format_args!(
            "{result} = llvm.load {pointer} {{alignment = {bytes} : i64}} : !llvm.ptr<1> -> {type}"
        ));
        result
    }

    /// Reads element `index`.
    pub(crate) fn load_at(&mut self, pointer: Value, index: Value, r#type: Type) -> Value {
        let pointer = self.at(pointer, index, r#type);
        self.load(pointer, r#type)
    }

    /// Writes memory, which is aligned to the type's size.
    pub(crate) fn store(&mut self, value: Value, pointer: Value) {
        let (bytes, r#type) = (value.r#type.bytes(), value.r#type.text());
        self.line(format_args!(
            "llvm.store {value}, {pointer} {{alignment = {bytes} : i64}} : {type}, !llvm.ptr<1>"
        ));
    }

    /// Updates memory that other threads update too: `add` or `max`.
    pub(crate) fn atomic(&mut self, op: &str, pointer: Value, value: Value) {
        let unused = self.fresh(value.r#type);
        self.line(format_args!(
            "{unused} = llvm.atomicrmw {op} {pointer}, {value} monotonic : !llvm.ptr<1>, {}",
            value.r#type.text()
        ));
    }

    /// Word `index` of four.
    pub(crate) fn word(&mut self, words: Value, index: i64) -> Value {
        let index = self.constant(index, Type::I32);
        let result = self.fresh(Type::I32);
        self.line(format_args!("{result} = llvm.extractelement {words}[{index} : i32] : vector<4xi32>"));
        result
    }

    /// Whether a condition holds in all threads of the warp.
    pub(crate) fn all(&mut self, condition: Value) -> Value {
        let (everyone, result) = (self.i32(-1), self.fresh(Type::I1));
        self.line(format_args!("{result} = nvvm.vote.sync all {everyone}, {condition} -> i1"));
        result
    }

    /// A special register, such as `tid.x`.
    pub(crate) fn special(&mut self, register: &str) -> Value {
        let result = self.fresh(Type::I32);
        self.line(format_args!("{result} = nvvm.read.ptx.sreg.{register} : i32"));
        result
    }

    /// `c + a · b` of a 16×32 and a 32×8 tile of bytes, spread over a warp as `mma.sync.m16n8k32` has it.
    pub(crate) fn matrix_product(
        &mut self,
        signedness: Signedness,
        a: [Value; 4],
        b: [Value; 2],
        c: [Value; 4],
    ) -> [Value; 4] {
        let product = self.fresh(Type::I32);
        let of_a = match signedness {
            Signedness::Signed => "s8",
            Signedness::Unsigned => "u8",
        };
        let (a, b, c) = (join(&a), join(&b), join(&c));
        self.line(format_args!(
            "{product} = nvvm.mma.sync A[{a}] B[{b}] C[{c}] {{layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, \
             multiplicandAPtxType = #nvvm.mma_type<{of_a}>, multiplicandBPtxType = #nvvm.mma_type<s8>, \
             intOverflowBehavior = #nvvm.mma_int_overflow<wrapped>, shape = #nvvm.shape<m = 16, n = 8, k = 32>}} : \
             (i32, i32, i32) -> !llvm.struct<(i32, i32, i32, i32)>"
        ));
        [0, 1, 2, 3].map(|index| {
            let element = self.fresh(Type::I32);
            self.line(format_args!(
                "{element} = llvm.extractvalue {product}[{index}] : !llvm.struct<(i32, i32, i32, i32)>"
            ));
            element
        })
    }

    /// Opens `for i in from..to`, with values carried from one iteration to the next.
    pub(crate) fn open_repeat(&mut self, from: Value, to: Value, carried: &[Value]) -> Repeat {
        let (one, name) = (self.i32(1), self.fresh(Type::I32));
        let index = self.fresh(Type::I32);
        let inside: Vec<Value> = carried.iter().map(|value| self.fresh(value.r#type)).collect();
        if carried.is_empty() {
            self.line(format_args!("scf.for {index} = {from} to {to} step {one} : i32 {{"));
        } else {
            let pairs = inside.iter().zip(carried).map(|(inside, outside)| format!("{inside} = {outside}"));
            let (pairs, types) = (pairs.collect::<Vec<_>>().join(", "), types(carried));
            let count = carried.len();
            self.line(format_args!(
                "{name}:{count} = scf.for {index} = {from} to {to} step {one} iter_args({pairs}) -> ({types}) : i32 {{"
            ));
        }
        Repeat { name, index, inside }
    }

    /// Closes a loop, whose body leaves these values for the next iteration; gives what the last one leaves.
    pub(crate) fn close_repeat(&mut self, open: &Repeat, left: &[Value]) -> Vec<Value> {
        if !left.is_empty() {
            let (left, types) = (join(left), types(left));
            self.line(format_args!("scf.yield {left} : {types}"));
        }
        self.close();
        results_of(open.name, &open.inside)
    }

    /// Opens a choice between values like these.
    pub(crate) fn open_if(&mut self, condition: Value, like: &[Value]) -> Value {
        let name = self.fresh(Type::I32);
        let (count, types) = (like.len(), types(like));
        self.line(format_args!("{name}:{count} = scf.if {condition} -> ({types}) {{"));
        name
    }

    /// Closes what [`Kernel::open_if`] opened: `then` where the condition holds, else `otherwise`.
    pub(crate) fn close_if(&mut self, name: Value, then: &[Value], otherwise: &[Value]) -> Vec<Value> {
        let types = types(otherwise);
        let (then, otherwise_text) = (join(then), join(otherwise));
        self.line(format_args!("scf.yield {then} : {types}"));
        self.line(format_args!("}} else {{"));
        self.line(format_args!("scf.yield {otherwise_text} : {types}"));
        self.close();
        results_of(name, otherwise)
    }

    /// Opens what is done where the condition holds.
    pub(crate) fn open_when(&mut self, condition: Value) {
        self.line(format_args!("scf.if {condition} {{"));
    }

    /// Closes a region.
    pub(crate) fn close(&mut self) {
        self.line(format_args!("}}"));
    }
}

/// A loop whose body is being written.
#[derive(Clone, Debug)]
pub(crate) struct Repeat {
    name: Value,
    /// The number of the iteration.
    pub(crate) index: Value,
    /// What the iteration before has left.
    pub(crate) inside: Vec<Value>,
}

fn results_of(name: Value, like: &[Value]) -> Vec<Value> {
    (0..)
        .zip(like)
        .map(|(result, value)| Value { result: Some(result), r#type: value.r#type, ..name })
        .collect()
}

fn join(values: &[Value]) -> String {
    values.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")
}

fn types(values: &[Value]) -> String {
    values.iter().map(|value| value.r#type.text()).collect::<Vec<_>>().join(", ")
}
