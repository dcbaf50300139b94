//! Attributes as Rust values: one implementation for each kind of attribute that our ops have.

use melior::{
    Context,
    ir::{
        Attribute, Type,
        attribute::{
            ArrayAttribute, BoolAttribute, DenseI64ArrayAttribute, FloatAttribute, IntegerAttribute,
            StringAttribute,
        },
        r#type::IntegerType,
    },
};

/// A Rust value that is stored as an attribute.
pub trait Field<'c>: Sized {
    /// What the attribute is called in messages.
    const KIND: &'static str;

    /// Reads the attribute; `None` if it is of another kind.
    fn get(attribute: Attribute<'c>) -> Option<Self>;

    /// Makes the attribute.
    fn put(&self, context: &'c Context) -> Attribute<'c>;
}

impl<'c> Field<'c> for i64 {
    const KIND: &'static str = "an integer";

    fn get(attribute: Attribute<'c>) -> Option<Self> {
        IntegerAttribute::try_from(attribute).ok().map(|integer| integer.value())
    }

    fn put(&self, context: &'c Context) -> Attribute<'c> {
        IntegerAttribute::new(IntegerType::new(context, 64).into(), *self).into()
    }
}

impl<'c> Field<'c> for bool {
    const KIND: &'static str = "a boolean";

    fn get(attribute: Attribute<'c>) -> Option<Self> {
        BoolAttribute::try_from(attribute).ok().map(|boolean| boolean.value())
    }

    fn put(&self, context: &'c Context) -> Attribute<'c> {
        BoolAttribute::new(context, *self).into()
    }
}

impl<'c> Field<'c> for f64 {
    const KIND: &'static str = "a float";

    fn get(attribute: Attribute<'c>) -> Option<Self> {
        FloatAttribute::try_from(attribute).ok().map(|float| float.value())
    }

    fn put(&self, context: &'c Context) -> Attribute<'c> {
        FloatAttribute::new(context, Type::float64(context), *self).into()
    }
}

impl<'c> Field<'c> for String {
    const KIND: &'static str = "a string";

    fn get(attribute: Attribute<'c>) -> Option<Self> {
        let string = StringAttribute::try_from(attribute).ok()?;
        // MLIR's empty string is a null pointer, of which melior makes a slice.
        Some(if attribute.to_string() == "\"\"" { String::new() } else { string.value().to_owned() })
    }

    fn put(&self, context: &'c Context) -> Attribute<'c> {
        StringAttribute::new(context, self).into()
    }
}

impl<'c> Field<'c> for Vec<i64> {
    const KIND: &'static str = "an array of integers";

    fn get(attribute: Attribute<'c>) -> Option<Self> {
        let array = DenseI64ArrayAttribute::try_from(attribute).ok()?;
        (0..array.len()).map(|index| array.element(index).ok()).collect()
    }

    fn put(&self, context: &'c Context) -> Attribute<'c> {
        DenseI64ArrayAttribute::new(context, self).into()
    }
}

impl<'c> Field<'c> for Vec<String> {
    const KIND: &'static str = "an array of strings";

    fn get(attribute: Attribute<'c>) -> Option<Self> {
        let array = ArrayAttribute::try_from(attribute).ok()?;
        (0..array.len()).map(|index| String::get(array.element(index).ok()?)).collect()
    }

    fn put(&self, context: &'c Context) -> Attribute<'c> {
        let strings = self.iter().map(|string| string.put(context)).collect::<Vec<_>>();
        ArrayAttribute::new(context, &strings).into()
    }
}

/// Rows and columns.
impl<'c> Field<'c> for [i64; 2] {
    const KIND: &'static str = "an array of two integers";

    fn get(attribute: Attribute<'c>) -> Option<Self> {
        Vec::<i64>::get(attribute)?.try_into().ok()
    }

    fn put(&self, context: &'c Context) -> Attribute<'c> {
        DenseI64ArrayAttribute::new(context, self).into()
    }
}
