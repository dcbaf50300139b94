//! A graph back to text, in canonical form: values numbered, arguments named, defaults left out, every layer's name behind
//! its statement. Reading the text gives the same graph again, but for lines and columns.

use std::collections::HashSet;
use std::fmt::{self, Display};

use super::graph::{Graph, Node, Shape, ValueId};
use super::ops::{Argument, Default};

/// Longer statements are broken.
const MAX_LINE: usize = 110;

impl Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = self.value_names();
        let inputs =
            self.inputs.iter().map(|input| format!("%{}: {}", input.name, self.tensor_type(&input.shape)));
        let inputs = inputs.collect::<Vec<_>>().join(", ");
        writeln!(f, "graph @{}({inputs}) -> {} {{", self.name, self.output_types())?;
        let statements = self.nodes.iter().enumerate().map(|(index, node)| {
            (statement(node, value_name(&values, self.node_value(index)), &values), &node.layer)
        });
        let statements: Vec<_> = statements.collect();
        let last_line = |text: &str| text.rsplit('\n').next().map_or(0, |line| line.chars().count());
        let width = statements.iter().map(|(text, _)| last_line(text)).max().unwrap_or(0).min(MAX_LINE);
        for (text, layer) in &statements {
            let space = width.saturating_sub(last_line(text)) + 3;
            writeln!(f, "{text}{:space$}# {layer}", "")?;
        }
        let returned =
            self.outputs.iter().map(|output| value_name(&values, output.value)).collect::<Vec<_>>();
        writeln!(f, "  return {}\n}}", returned.join(", "))
    }
}

impl Graph {
    /// Names with `%` of all values: inputs keep theirs, the others are numbered around them.
    fn value_names(&self) -> Vec<String> {
        let taken: HashSet<&str> = self.inputs.iter().map(|input| input.name.as_str()).collect();
        let numbers =
            (0_usize..).map(|number| number.to_string()).filter(|name| !taken.contains(name.as_str()));
        let inputs = self.inputs.iter().map(|input| format!("%{}", input.name));
        inputs.chain(numbers.take(self.nodes.len()).map(|number| format!("%{number}"))).collect()
    }

    fn tensor_type(&self, shape: &Shape) -> String {
        let sizes = shape.sample().iter().map(|size| format!(", {size}")).collect::<String>();
        format!("f32[{}{sizes}]", self.batch)
    }

    fn output_types(&self) -> String {
        let types = self.outputs.iter().map(|output| {
            let shape = self.shape(output.value).map_or_else(String::new, |shape| self.tensor_type(shape));
            match self.value_name(output.value) {
                Some(name) if name == output.name => shape,
                _ => format!("{}: {shape}", output.name),
            }
        });
        let types = types.collect::<Vec<_>>();
        match types.as_slice() {
            [single] => single.clone(),
            several => format!("({})", several.join(", ")),
        }
    }
}

fn value_name(values: &[String], value: ValueId) -> &str {
    values.get(value.index()).map_or("%", String::as_str)
}

/// `  %1 = relu(%0)`, broken between arguments where it is longer than [`MAX_LINE`].
fn statement(node: &Node, value: &str, values: &[String]) -> String {
    let signature = node.op.signature();
    let arguments = node.op.arguments();
    let given = |name: &str| arguments.iter().find(|(other, _)| *other == name).map(|(_, argument)| argument);
    let mut parts: Vec<_> = node.inputs.iter().map(|input| value_name(values, *input).to_owned()).collect();
    for (name, argument) in &arguments {
        let default = match signature.param(name).map(|(_, param)| param.default) {
            Some(Default::SameAs(other)) => given(other).cloned(),
            _ => signature.default(name),
        };
        if default.as_ref() != Some(argument) {
            parts.push(format!("{name} = {argument}"));
        }
    }
    parts.extend(node.at.as_ref().map(|origin| format!("at = \"{origin}\"")));
    let mut text = format!("  {value} = {}(", signature.name);
    let indent = text.len();
    let mut column = indent;
    for (position, part) in parts.iter().enumerate() {
        if position > 0 && column + part.len() + 2 > MAX_LINE {
            text += &format!(",\n{:indent$}", "");
            column = indent;
        } else if position > 0 {
            text += ", ";
            column += 2;
        }
        text += part;
        column += part.len();
    }
    text + ")"
}

impl Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weight(weight) => {
                let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | ':');
                match !weight.key.is_empty() && weight.key.chars().all(bare) {
                    true => write!(f, "@{}", weight.key),
                    false => write!(f, "@\"{}\"", weight.key),
                }
            }
            Self::Int(n) => write!(f, "{n}"),
            Self::Ints(list) => write!(f, "{list:?}"),
            Self::Float(x) => write!(f, "{x:?}"),
            Self::Floats(list) => write!(f, "{list:?}"),
            Self::Bool(b) => write!(f, "{b}"),
        }
    }
}
