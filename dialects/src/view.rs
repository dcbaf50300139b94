//! What all typed views have in common.

use melior::{
    Context,
    ir::{
        Identifier, Location, Operation, OperationRef, Type, Value,
        operation::{OperationBuilder, OperationLike},
    },
};

/// An op does not have the attributes that its view needs. IRDL verification rejects most such ops first.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ViewError {
    /// The op is another one.
    #[error("expected op `{expected}`, found `{found}`")]
    Name {
        /// Name of the view.
        expected: &'static str,
        /// Name of the op.
        found: String,
    },
    /// An attribute is missing or of the wrong kind.
    #[error("`{op}` needs attribute `{attribute}`, {kind}")]
    Attribute {
        /// Name of the op.
        op: &'static str,
        /// Name of the attribute.
        attribute: &'static str,
        /// Kind that is needed.
        kind: &'static str,
    },
    /// The op could not be built.
    #[error("`{op}` could not be built")]
    Build {
        /// Name of the op.
        op: &'static str,
    },
    /// A tensor attribute cannot be read.
    #[error("{0}")]
    Tensor(String),
}

/// A typed view of one op: its attributes as fields.
pub trait View<'c>: Sized {
    /// The op's full name.
    const NAME: &'static str;

    /// Reads the attributes of `op`.
    ///
    /// # Errors
    ///
    /// If the op is another one, or an attribute is missing or of the wrong kind.
    fn read(op: OperationRef<'c, '_>) -> Result<Self, ViewError>;

    /// The attributes by name.
    fn attributes(&self, context: &'c Context) -> Vec<(Identifier<'c>, melior::ir::Attribute<'c>)>;

    /// Builds the op with these attributes.
    ///
    /// # Errors
    ///
    /// If MLIR cannot create it.
    fn build(
        &self,
        context: &'c Context,
        operands: &[Value<'c, '_>],
        results: &[Type<'c>],
        location: Location<'c>,
    ) -> Result<Operation<'c>, ViewError> {
        OperationBuilder::new(Self::NAME, location)
            .add_attributes(&self.attributes(context))
            .add_operands(operands)
            .add_results(results)
            .build()
            .map_err(|_| ViewError::Build { op: Self::NAME })
    }
}

/// Whether `op` is the op of view `V`.
pub(crate) fn is<'c, V: View<'c>>(op: OperationRef<'c, '_>) -> bool {
    op.name().as_string_ref().as_str() == Ok(V::NAME)
}

/// Declares the views of a dialect and the enum of them.
macro_rules! ops {
    (
        $dialect:literal;
        $( $(#[$doc:meta])* $name:ident $(<$life:lifetime>)? = $full:literal { $( $field:ident : $kind:ty ),* $(,)? } ),* $(,)?
    ) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq)]
            #[allow(missing_docs)] // The IRDL file says what each attribute is.
            pub struct $name $(<$life>)? { $( pub $field: $kind ),* }

            impl<'c> $crate::View<'c> for $name $(<$life>)? {
                const NAME: &'static str = $full;

                #[allow(unused_variables)]
                fn read(op: melior::ir::OperationRef<'c, '_>) -> Result<Self, $crate::ViewError> {
                    use melior::ir::operation::OperationLike;
                    if !$crate::view::is::<Self>(op) {
                        return Err($crate::ViewError::Name {
                            expected: $full,
                            found: op.name().as_string_ref().as_str().unwrap_or("?").to_owned(),
                        });
                    }
                    Ok(Self {
                        $( $field: op
                            .attribute(stringify!($field))
                            .ok()
                            .and_then(<$kind as $crate::Field<'c>>::get)
                            .ok_or($crate::ViewError::Attribute {
                                op: $full,
                                attribute: stringify!($field),
                                kind: <$kind as $crate::Field<'c>>::KIND,
                            })?, )*
                    })
                }

                #[allow(unused_variables)]
                fn attributes(
                    &self,
                    context: &'c melior::Context,
                ) -> Vec<(melior::ir::Identifier<'c>, melior::ir::Attribute<'c>)> {
                    vec![ $( (
                        melior::ir::Identifier::new(context, stringify!($field)),
                        $crate::Field::put(&self.$field, context),
                    ) ),* ]
                }
            }
        )*

        /// Any op of the dialect, with its attributes.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs)] // Each variant is the struct of its name.
        pub enum Op<'c> { $( $name($name $(<$life>)?) ),* }

        impl<'c> Op<'c> {
            /// Reads `op`; `None` if it belongs to another dialect.
            ///
            /// # Errors
            ///
            /// If an attribute is missing or of the wrong kind.
            pub fn read(op: melior::ir::OperationRef<'c, '_>) -> Result<Option<Self>, $crate::ViewError> {
                use melior::ir::operation::OperationLike;
                match op.name().as_string_ref().as_str().unwrap_or_default() {
                    $( $full => <$name as $crate::View<'c>>::read(op).map(Self::$name).map(Some), )*
                    _ => Ok(None),
                }
            }

            /// Builds the op.
            ///
            /// # Errors
            ///
            /// If MLIR cannot create it.
            pub fn build(
                &self,
                context: &'c melior::Context,
                operands: &[melior::ir::Value<'c, '_>],
                results: &[melior::ir::Type<'c>],
                location: melior::ir::Location<'c>,
            ) -> Result<melior::ir::Operation<'c>, $crate::ViewError> {
                match self { $( Self::$name(view) => $crate::View::build(view, context, operands, results, location) ),* }
            }
        }

        /// Full names of the ops of the dialect.
        pub const OPS: &[&str] = &[ $( $full ),* ];
    };
}
pub(crate) use ops;
