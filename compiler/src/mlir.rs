//! The few things that passes and the interpreter need from MLIR and that melior does not offer in this form.
//!
//! A network is one `func.func` in a `builtin.module`: straight-line code in one block, ended by `func.return`.

use melior::{
    Context, ContextRef, IrRewriter, StringRef,
    ir::{
        BlockLike, BlockRef, Location, Module, Operation, OperationRef, RegionLike, Type, TypeLike, Value,
        ValueLike,
        operation::{OperationLike, OperationMutLike, OperationRefMut, OperationResult},
        r#type::{FunctionType, IntegerType, RankedTensorType},
    },
};
use mlir_sys::{
    mlirEmitError, mlirOpOperandGetNextUse, mlirOpOperandGetOwner, mlirOpOperandIsNull,
    mlirShapedTypeGetDimSize, mlirShapedTypeGetElementType, mlirShapedTypeGetRank,
    mlirShapedTypeIsDynamicDim, mlirTypeIsARankedTensor, mlirValueGetFirstUse,
};
use neurocuda_dialects::{Field, View, ViewError};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// Something in the IR is not as the pass needs it; the location says where.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct IrError<'c> {
    /// What is wrong and what to do.
    pub message: String,
    /// Location of the op, if one is to blame.
    pub location: Option<Location<'c>>,
}

impl<'c> IrError<'c> {
    /// An error at `operation`.
    pub fn at(operation: OperationRef<'c, '_>, message: impl Into<String>) -> Self {
        Self { message: message.into(), location: Some(operation.location()) }
    }

    /// An error of the module as a whole.
    pub fn module(message: impl Into<String>) -> Self {
        Self { message: message.into(), location: None }
    }
}

impl From<ViewError> for IrError<'_> {
    fn from(error: ViewError) -> Self {
        Self::module(error.to_string())
    }
}

/// Result of code that reads or changes IR.
pub type IrResult<'c, T> = Result<T, IrError<'c>>;

/// Element type of values: real or integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// f32.
    Real,
    /// i32.
    Integer,
}

/// Name of the attribute of functions that are programs of neurons.
pub const MICROCODE: &str = "loihi.microcode";

/// The ops of the module itself: its functions.
pub fn functions<'c, 'a>(module: OperationRef<'c, 'a>) -> Vec<OperationRef<'c, 'a>> {
    let body = module.first_region().and_then(|region| region.first_block());
    body.map(operations).unwrap_or_default()
}

/// The network's function: the only one of the module but for programs of neurons; kernels of a GPU may stand beside it.
///
/// # Errors
///
/// If the module does not hold exactly one such function with one block.
pub fn network<'c, 'a>(module: OperationRef<'c, 'a>) -> IrResult<'c, OperationRef<'c, 'a>> {
    let mut functions = functions(module);
    functions.retain(|op| !op.has_attribute(MICROCODE) && !has_name(*op, crate::backend::ptx::KERNELS));
    match functions.as_slice() {
        [function]
            if has_name(*function, "func.func")
                && function.first_region().and_then(|region| region.first_block()).is_some() =>
        {
            Ok(*function)
        }
        _ => Err(IrError::module("expected a module with exactly one function, the network")),
    }
}

/// The block of the network's function.
///
/// # Errors
///
/// As [`network`].
pub fn network_block<'c, 'a>(module: OperationRef<'c, 'a>) -> IrResult<'c, BlockRef<'c, 'a>> {
    network(module)?
        .first_region()
        .and_then(|region| region.first_block())
        .ok_or_else(|| IrError::module("the network has no body"))
}

/// The ops of a block, in order, as they are now: passes may insert and erase while going through the list.
pub fn operations<'c, 'a>(block: BlockRef<'c, 'a>) -> Vec<OperationRef<'c, 'a>> {
    std::iter::successors(block.first_operation(), |operation| operation.next_in_block()).collect()
}

/// The op's full name.
pub fn name<'c>(operation: OperationRef<'c, '_>) -> String {
    operation.name().as_string_ref().as_str().unwrap_or_default().to_owned()
}

/// Attribute `key` of the op, if it is there and a string.
pub fn string<'c>(operation: OperationRef<'c, '_>, key: &str) -> Option<String> {
    operation.attribute(key).ok().and_then(String::get)
}

/// Whether the op is called `name`.
pub fn has_name<'c>(operation: OperationRef<'c, '_>, name: &str) -> bool {
    operation.name().as_string_ref().as_str() == Ok(name)
}

/// The view of the op, if it is one of `V`.
///
/// # Errors
///
/// If the op is one of `V` with wrong attributes.
pub fn view<'c, V: View<'c>>(operation: OperationRef<'c, '_>) -> IrResult<'c, Option<V>> {
    if has_name(operation, V::NAME) {
        V::read(operation).map(Some).map_err(|error| IrError::at(operation, error.to_string()))
    } else {
        Ok(None)
    }
}

/// The op that computes `value`; `None` for the function's argument.
pub fn definition<'c, 'a>(value: Value<'c, 'a>) -> Option<OperationRef<'c, 'a>> {
    OperationResult::try_from(value).ok().map(|result| result.owner())
}

/// The ops that read `value`, each once for each operand.
pub fn users<'c, 'a>(value: Value<'c, 'a>) -> Vec<OperationRef<'c, 'a>> {
    let mut users = Vec::new();
    // SAFETY: the value is alive, and nothing changes the use list during the walk.
    unsafe {
        let mut r#use = mlirValueGetFirstUse(value.to_raw());
        while !mlirOpOperandIsNull(r#use) {
            users.push(OperationRef::from_raw(mlirOpOperandGetOwner(r#use)));
            r#use = mlirOpOperandGetNextUse(r#use);
        }
    }
    // MLIR keeps the list in reverse order of insertion.
    users.reverse();
    users
}

/// The only operand of `operation`.
///
/// # Errors
///
/// If there is none.
pub fn operand<'c, 'a>(operation: OperationRef<'c, 'a>) -> IrResult<'c, Value<'c, 'a>> {
    operation.operand(0).map_err(|_| IrError::at(operation, format!("`{}` has no operand", name(operation))))
}

/// The only result of `operation`.
///
/// # Errors
///
/// If there is none.
pub fn result<'c, 'a>(operation: OperationRef<'c, 'a>) -> IrResult<'c, Value<'c, 'a>> {
    operation
        .result(0)
        .map(Into::into)
        .map_err(|_| IrError::at(operation, format!("`{}` has no result", name(operation))))
}

/// Shape of one sample of `value`: its type without the batch axis.
///
/// # Errors
///
/// If the type is not a ranked tensor whose axes other than the first are static.
pub fn sample_shape<'c>(value: Value<'c, '_>) -> IrResult<'c, Vec<usize>> {
    type_shape(value.r#type()).ok_or_else(|| {
        IrError::module(format!("expected a tensor with a static sample shape, found {}", value.r#type()))
    })
}

/// [`sample_shape`] of a type.
pub fn type_shape(r#type: Type) -> Option<Vec<usize>> {
    let raw = r#type.to_raw();
    // SAFETY: the queries follow only for ranked tensors, and the axes are below the rank.
    unsafe {
        if !mlirTypeIsARankedTensor(raw) || mlirShapedTypeGetRank(raw) < 1 {
            return None;
        }
        (1..mlirShapedTypeGetRank(raw) as isize)
            .map(|axis| {
                (!mlirShapedTypeIsDynamicDim(raw, axis)).then(|| mlirShapedTypeGetDimSize(raw, axis) as usize)
            })
            .collect()
    }
}

/// Whether `value` is real or integer.
pub fn number(value: Value) -> Option<Number> {
    let raw = value.r#type().to_raw();
    // SAFETY: the element type is asked of ranked tensors only.
    let element = unsafe {
        if !mlirTypeIsARankedTensor(raw) {
            return None;
        }
        Type::from_raw(mlirShapedTypeGetElementType(raw))
    };
    match element.to_string().as_str() {
        "f32" => Some(Number::Real),
        "i32" => Some(Number::Integer),
        _ => None,
    }
}

/// The type `tensor<?x…>` of a batch of samples.
pub fn batch_type<'c>(context: &'c Context, sample_shape: &[usize], number: Number) -> Type<'c> {
    let element = match number {
        Number::Real => Type::float32(context),
        Number::Integer => IntegerType::new(context, 32).into(),
    };
    let dims = std::iter::once(i64::MIN as u64)
        .chain(sample_shape.iter().map(|&size| size as u64))
        .collect::<Vec<_>>();
    RankedTensorType::new(&dims, element, None).into()
}

/// Name of the layer that the op belongs to: the name in its location, else the op's own.
pub fn layer<'c>(operation: OperationRef<'c, '_>) -> String {
    location_name(operation.location()).unwrap_or_else(|| name(operation))
}

/// Name of the layer that `location` belongs to; empty if it names none.
pub fn location_layer(location: Location) -> String {
    location_name(location).unwrap_or_default()
}

fn location_name(location: Location) -> Option<String> {
    if location.is_name() {
        location.name_value().as_string_ref().as_str().ok().map(str::to_owned)
    } else if location.is_fused() {
        (0..location.fused_num_locations()).find_map(|index| location_name(location.fused_location(index)))
    } else {
        None
    }
}

/// Where the op comes from, as `file:line:column`, without the column where it is not known; empty if unknown.
pub fn source(location: Location) -> String {
    if location.is_name() {
        source(location.name_child_location())
    } else if location.is_fused() {
        (0..location.fused_num_locations())
            .map(|index| source(location.fused_location(index)))
            .find(|source| !source.is_empty())
            .unwrap_or_default()
    } else if location.is_file_line_col_range() {
        let file = location.file_line_col_range_filename();
        let file = file.as_string_ref().as_str().unwrap_or_default();
        let line = location.file_line_col_range_start_line();
        // Column 0 stands for a line of a program whose columns are not known.
        match location.file_line_col_range_start_column() {
            0 => format!("{file}:{line}"),
            column => format!("{file}:{line}:{column}"),
        }
    } else {
        String::new()
    }
}

/// The source place of `location` under another layer name.
pub fn named_location<'c>(context: &'c Context, name: &str, location: Location<'c>) -> Location<'c> {
    let child = if location.is_name() { location.name_child_location() } else { location };
    Location::name(context, name, child)
}

/// The location of an op that does the work of several: that of the first, whose layer name it keeps, and the others'.
pub fn fused_location<'c>(context: &'c Context, locations: &[Location<'c>]) -> Location<'c> {
    // SAFETY: the locations live in `context`; a null attribute stands for no metadata.
    unsafe {
        Location::from_raw(mlir_sys::mlirLocationFusedGet(
            context.to_raw(),
            locations.len() as isize,
            locations.iter().map(|location| location.to_raw()).collect::<Vec<_>>().as_ptr(),
            mlir_sys::mlirAttributeGetNull(),
        ))
    }
}

/// Where `value` comes from: the location of its op, or of the function's argument.
pub fn value_location<'c>(value: Value<'c, '_>) -> Location<'c> {
    // SAFETY: the value is alive, and its location lives as long as the context.
    unsafe { Location::from_raw(mlir_sys::mlirValueGetLocation(value.to_raw())) }
}

/// Inserts the op of `view` before `operation`, with its location, and returns its result.
///
/// # Errors
///
/// If MLIR cannot build it.
pub fn insert_before<'c, 'a, V: View<'c>>(
    operation: OperationRef<'c, 'a>,
    view: &V,
    operands: &[Value<'c, 'a>],
    result_type: Type<'c>,
) -> IrResult<'c, Value<'c, 'a>> {
    insert_before_at(operation, view, operands, result_type, operation.location())
}

/// [`insert_before`] under another location.
///
/// # Errors
///
/// If MLIR cannot build it.
pub fn insert_before_at<'c, 'a, V: View<'c>>(
    operation: OperationRef<'c, 'a>,
    view: &V,
    operands: &[Value<'c, 'a>],
    result_type: Type<'c>,
    location: Location<'c>,
) -> IrResult<'c, Value<'c, 'a>> {
    let built = view.build(context(operation), operands, &[result_type], location)?;
    let block = operation.block().ok_or_else(|| IrError::at(operation, "the op stands in no block"))?;
    result(block.insert_operation_before(operation, built))
}

/// Puts `value` in place of the result of `operation` and erases it.
///
/// # Errors
///
/// If `operation` has no result.
pub fn replace<'c>(operation: OperationRef<'c, '_>, value: Value<'c, '_>) -> IrResult<'c, ()> {
    let old = result(operation)?;
    let rewriter = IrRewriter::from_op(operation);
    rewriter.as_rewriter_base().replace_all_uses_with(old, value);
    rewriter.as_rewriter_base().erase_op(operation);
    Ok(())
}

/// Lets every reader of `old` but `except` read `new`.
pub fn replace_uses_except<'c>(old: Value<'c, '_>, new: Value<'c, '_>, except: OperationRef<'c, '_>) {
    IrRewriter::from_op(except).as_rewriter_base().replace_all_uses_except(old, new, except);
}

/// Puts two operands in each other's place.
pub fn swap_operands<'c>(
    operation: OperationRef<'c, '_>,
    (a, first): (usize, Value<'c, '_>),
    (b, second): (usize, Value<'c, '_>),
) {
    // SAFETY: the op is alive and has both operands.
    unsafe {
        mlir_sys::mlirOperationSetOperand(operation.to_raw(), a as isize, second.to_raw());
        mlir_sys::mlirOperationSetOperand(operation.to_raw(), b as isize, first.to_raw());
    }
}

/// Erases an op whose result nobody reads.
pub fn erase<'c>(operation: OperationRef<'c, '_>) {
    IrRewriter::from_op(operation).as_rewriter_base().erase_op(operation);
}

/// Sets attribute `key` of `operation`.
pub fn set_attribute<'c>(operation: OperationRef<'c, '_>, key: &str, attribute: melior::ir::Attribute<'c>) {
    // SAFETY: the op is alive; the reference is not kept, and no other mutable one exists during the call.
    unsafe { OperationRefMut::from_raw(operation.to_raw()) }.set_attribute(key, attribute);
}

/// Makes the function's type agree with its argument and `func.return` after a pass has changed them.
///
/// # Errors
///
/// If the function has no return.
pub fn update_function_type<'c>(module: OperationRef<'c, '_>) -> IrResult<'c, ()> {
    let (function, block) = (network(module)?, network_block(module)?);
    let last = operations(block).last().copied().ok_or_else(|| IrError::module("the network is empty"))?;
    let inputs = (0..block.argument_count())
        .filter_map(|index| block.argument(index).ok())
        .map(|argument| argument.r#type())
        .collect::<Vec<_>>();
    let results = last.operands().map(|value| value.r#type()).collect::<Vec<_>>();
    let r#type = FunctionType::new(context(function), &inputs, &results);
    let attribute = melior::ir::attribute::TypeAttribute::new(r#type.into());
    set_attribute(function, "function_type", attribute.into());
    Ok(())
}

/// A copy of the module, in its context; `None` if MLIR makes none.
pub fn duplicate<'c>(module: OperationRef<'c, '_>) -> Option<Module<'c>> {
    // SAFETY: the module is alive, and the clone is an op of its own, which the new module takes over.
    let copy = unsafe { Operation::from_raw(mlir_sys::mlirOperationClone(module.to_raw())) };
    Module::from_operation(copy)
}

/// The context that `operation` lives in.
pub fn context<'c>(operation: OperationRef<'c, '_>) -> &'c Context {
    // melior's `ContextRef::to_ref` refers to the handle it is called on, so that handle must stay where it is: there is one for
    // each address at which a context ever stood.
    static HANDLES: Mutex<BTreeMap<usize, usize>> = Mutex::new(BTreeMap::new());
    let handle = operation.context();
    // SAFETY: the handle outlives this statement.
    let address = unsafe { handle.to_ref() }.to_raw().ptr as usize;
    let mut handles = HANDLES.lock().unwrap_or_else(PoisonError::into_inner);
    let place = handles.entry(address).or_insert_with(|| Box::into_raw(Box::new(handle)) as usize);
    // SAFETY: the handle at that place is never freed and refers to the context at its key, which is that of `operation`; an
    // op of lifetime `'c` lives in a context that outlives `'c`.
    unsafe { (*(*place as *const ContextRef<'c>)).to_ref() }
}

/// Reports an error at `location` to the context's diagnostic handlers.
pub fn emit_error(location: Location, message: &str) {
    let Ok(text) = std::ffi::CString::new(message.replace('\0', " ")) else { return };
    // SAFETY: the location is alive and the message ends in a zero.
    unsafe { mlirEmitError(location.to_raw(), text.as_ptr()) }
}

/// Text of the module with locations, resources elided if `for_people`.
///
/// # Errors
///
/// If MLIR does not print it.
pub fn print(module: &Module, for_people: bool) -> String {
    use melior::ir::operation::OperationPrintingFlags;
    let mut flags = OperationPrintingFlags::new().enable_debug_info(!for_people, false);
    if for_people {
        flags = flags.elide_large_elements_attributes(64);
        // SAFETY: the flags are alive.
        unsafe { mlir_sys::mlirOpPrintingFlagsElideLargeResourceString(flags.to_raw(), 64) };
    }
    module.as_operation().to_string_with_flags(flags).unwrap_or_default()
}

/// Whole text of the module, without locations.
pub fn print_generic(module: &Module) -> String {
    module.as_operation().to_string().trim_end().to_owned()
}

/// Text of the module with locations, its resources named but not given.
pub fn print_without_resources(module: &Module) -> String {
    use melior::ir::operation::OperationPrintingFlags;
    let flags = OperationPrintingFlags::new().enable_debug_info(true, false);
    // SAFETY: the flags are alive.
    unsafe { mlir_sys::mlirOpPrintingFlagsElideLargeResourceString(flags.to_raw(), 0) };
    let mut text = module.as_operation().to_string_with_flags(flags).unwrap_or_default();
    // MLIR still prints a section that lists nothing.
    text.truncate(text.rfind("\n{-#").map_or(text.len(), |start| start + 1));
    text
}

/// Text of a string reference that MLIR gave.
pub fn text(string: StringRef) -> String {
    string.as_str().unwrap_or_default().to_owned()
}

/// Inserts a built op before `at`.
///
/// # Errors
///
/// If `at` stands in no block.
pub fn insert_operation<'c, 'a>(
    at: OperationRef<'c, 'a>,
    built: melior::ir::Operation<'c>,
) -> IrResult<'c, OperationRef<'c, 'a>> {
    let block = at.block().ok_or_else(|| IrError::at(at, "the op stands in no block"))?;
    Ok(block.insert_operation_before(at, built))
}

/// Lets operand `index` of `operation` be `value`.
pub fn set_operand<'c>(operation: OperationRef<'c, '_>, index: usize, value: Value<'c, '_>) {
    // SAFETY: op and value are alive, and the caller's index is that of an operand it read.
    unsafe { mlir_sys::mlirOperationSetOperand(operation.to_raw(), index as isize, value.to_raw()) }
}
