//! Where a recorded node comes from: the line of the user's program and the module.

use super::schema::Node;
use crate::diagnostic::Origin;

/// What PyTorch writes for nodes that it added itself.
const NO_MODULE: &str = "_empty_nn_module_stack_from_metadata_hook";

/// The innermost frame of the recorded stack that is not PyTorch's own.
///
/// The file is given from the package folder on, else by its last part: absolute paths differ from machine to machine, and
/// artifacts must not.
pub(super) fn origin(node: &Node) -> Option<Origin> {
    let trace = node.metadata.get("stack_trace")?;
    let frames: Vec<(&str, usize)> = trace.lines().filter_map(frame).collect();
    let own = frames.iter().rev().find(|(file, _)| !is_torch(file)).or(frames.last());
    own.map(|(file, line)| Origin { file: portable(file), line: *line })
}

/// `  File "model.py", line 31, in forward`
fn frame(line: &str) -> Option<(&str, usize)> {
    let (file, rest) = line.trim_start().strip_prefix("File \"")?.split_once("\", line ")?;
    let number = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((file, number.parse::<u32>().ok().filter(|line| *line > 0)? as usize))
}

/// The path below a folder of installed packages.
fn in_package(file: &str) -> Option<&str> {
    ["site-packages/", "dist-packages/", "site-packages\\"]
        .iter()
        .find_map(|folder| file.rfind(folder).and_then(|start| file.get(start + folder.len()..)))
}

fn is_torch(file: &str) -> bool {
    in_package(file).unwrap_or(file).starts_with("torch/") || file.contains("\\torch\\")
}

fn portable(file: &str) -> String {
    let path = in_package(file).unwrap_or_else(|| file.rsplit(['/', '\\']).next().unwrap_or(file));
    // Quotes and line breaks would end the text that the name stands in.
    let path: String = path.chars().map(|c| if c == '"' || c.is_control() { '_' } else { c }).collect();
    if path.is_empty() { "program".to_owned() } else { path }
}

/// The path of the module that a node belongs to, and whether it is a layer of PyTorch's, which has no parts of its own.
pub(super) fn module(node: &Node) -> (String, bool) {
    let innermost = node.metadata.get("nn_module_stack").and_then(|stack| stack.rsplit(';').next());
    let mut parts = innermost.unwrap_or_default().splitn(3, ',').skip(1);
    let path = parts.next().filter(|path| *path != NO_MODULE).unwrap_or_default();
    let class = parts.next().unwrap_or_default();
    // A module that is called again is recorded as `act@1`.
    let path = path.split('@').next().unwrap_or_default();
    let is_layer =
        class.starts_with("torch.nn.modules.") && !class.starts_with("torch.nn.modules.container.");
    (path.to_owned(), is_layer)
}

/// A layer's name: the module's path for PyTorch's layers, else the path and the op.
pub(super) fn layer(module: &str, is_layer: bool, op: &str) -> String {
    let name = match (module, is_layer) {
        ("", _) => op.to_owned(),
        (module, true) => module.to_owned(),
        (module, false) => format!("{module}.{op}"),
    };
    let allowed = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') { c } else { '_' };
    let name: String = name.chars().map(allowed).collect();
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    if begins_well { name } else { format!("_{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(trace: &str, stack: &str) -> Node {
        let metadata = [("stack_trace", trace), ("nn_module_stack", stack)];
        let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        Node { target: String::new(), inputs: Vec::new(), outputs: Vec::new(), metadata }
    }

    #[test]
    fn the_innermost_line_outside_of_torch_is_named_without_its_folder() {
        let trace = "File \"/models/net.py\", line 3, in forward\n    return self.c(x)\n  \
                     File \"/v/lib/site-packages/torchvision/models/resnet.py\", line 93, in forward\n    y\n  \
                     File \"/v/lib/site-packages/torch/nn/modules/conv.py\", line 553, in forward\n    z";
        assert_eq!(origin(&node(trace, "")).unwrap().to_string(), "torchvision/models/resnet.py:93");
        assert_eq!(origin(&node(trace.lines().next().unwrap(), "")).unwrap().to_string(), "net.py:3");
        let only_torch = "File \"/v/site-packages/torch/nn/functional.py\", line 7, in relu";
        assert_eq!(origin(&node(only_torch, "")).unwrap().to_string(), "torch/nn/functional.py:7");
        for hostile in ["", "File \"\", line 0", "File \"a\", line 99999999999999999999, in", "File \"x"] {
            assert_eq!(origin(&node(hostile, "")), None, "{hostile}");
        }
    }

    #[test]
    fn layers_are_called_by_their_module() {
        let stack = "L__self__,,net.Net;L__self__act@1,act@1,torch.nn.modules.activation.ReLU";
        assert_eq!(module(&node("", stack)), ("act".to_owned(), true));
        let stack = "L__self__,,net.Net;a,blocks.0,torch.nn.modules.container.Sequential";
        assert_eq!(module(&node("", stack)), ("blocks.0".to_owned(), false));
        assert_eq!(module(&node("", "")), (String::new(), false));
        assert_eq!(layer("blocks.0", false, "add"), "blocks.0.add");
        assert_eq!(layer("", false, "relu"), "relu");
        assert_eq!(layer("é b", true, "relu"), "__b");
    }
}
