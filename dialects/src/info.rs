//! What the IRDL files say of each op, for passes and documents.

use crate::SOURCES;
use melior::{
    Context,
    dialect::DialectRegistry,
    ir::{
        Attribute, BlockLike, Module, OperationRef, RegionLike,
        attribute::{ArrayAttribute, StringAttribute},
        operation::OperationLike,
    },
    utility,
};
use std::{collections::BTreeMap, sync::OnceLock};

/// An op as its IRDL definition describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpInfo {
    /// Full name, such as `ann.conv`.
    pub name: String,
    /// What it computes.
    pub summary: String,
    /// Whether an unused one may be removed.
    pub pure: bool,
    /// Names of the operands.
    pub operands: Vec<String>,
    /// Names of the attributes, all mandatory.
    pub attributes: Vec<String>,
}

/// The ops of all dialects by full name.
pub fn op_infos() -> &'static BTreeMap<String, OpInfo> {
    static INFOS: OnceLock<BTreeMap<String, OpInfo>> = OnceLock::new();
    INFOS.get_or_init(|| {
        let registry = DialectRegistry::new();
        utility::register_all_dialects(&registry);
        let context = Context::new_with_registry(&registry, false);
        context.get_or_load_dialect("irdl");
        SOURCES.iter().flat_map(|(dialect, source)| read(&context, dialect, source)).collect()
    })
}

/// The definition of the op called `name`.
pub fn op_info(name: &str) -> Option<&'static OpInfo> {
    op_infos().get(name)
}

fn read(context: &Context, dialect: &str, source: &str) -> Vec<(String, OpInfo)> {
    let mut infos = Vec::new();
    let Some(module) = Module::parse(context, source) else { return infos };
    let Some(body) = module.body().first_operation().and_then(|dialect| dialect.first_region()) else {
        return infos;
    };
    for operation in operations(body) {
        let name = format!("{dialect}.{}", string(operation.attribute("sym_name").ok()).unwrap_or_default());
        let mut info = OpInfo {
            name: name.clone(),
            summary: string(operation.attribute("summary").ok()).unwrap_or_default(),
            pure: operation.has_attribute("pure"),
            operands: vec![],
            attributes: vec![],
        };
        for part in operation.first_region().map(operations).unwrap_or_default() {
            match part.name().as_string_ref().as_str().unwrap_or_default() {
                "irdl.operands" => info.operands = strings(part.attribute("names").ok()),
                "irdl.attributes" => info.attributes = strings(part.attribute("attributeValueNames").ok()),
                _ => {}
            }
        }
        infos.push((name, info));
    }
    infos
}

fn operations<'c, 'a>(region: melior::ir::RegionRef<'c, 'a>) -> Vec<OperationRef<'c, 'a>> {
    let first = region.first_block().and_then(|block| block.first_operation());
    std::iter::successors(first, |operation| operation.next_in_block()).collect()
}

fn string(attribute: Option<Attribute>) -> Option<String> {
    StringAttribute::try_from(attribute?).ok().map(|string| string.value().to_owned())
}

fn strings(attribute: Option<Attribute>) -> Vec<String> {
    let Some(array) = attribute.and_then(|attribute| ArrayAttribute::try_from(attribute).ok()) else {
        return vec![];
    };
    (0..array.len()).filter_map(|index| string(array.element(index).ok())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn irdl_and_views_name_the_same_ops() {
        let mut views = [crate::torch::OPS, crate::ann::OPS, crate::snn::OPS, crate::loihi::OPS].concat();
        views.sort_unstable();
        assert_eq!(views, op_infos().keys().map(String::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn definitions_are_read_whole() {
        let info = op_info("ann.fake_quantize").unwrap();
        assert!(info.pure);
        assert_eq!(info.operands, ["input"]);
        assert_eq!(info.attributes, ["scale", "low", "high"]);
        assert!(!op_info("ann.observe").unwrap().pure);
    }
}
