//! "Did you mean": the nearest of the names that would have been right.

/// Names longer than this are not compared: the edit distance takes time in the product of the lengths.
const MAX_NAME_BYTES: usize = 200;

/// At most this many candidates are compared, so that a hostile file does not take hours.
const MAX_CANDIDATES: usize = 5000;

/// The candidate nearest to `wanted`, if it is near enough to be what was meant: a third of the letters may differ.
/// Nothing can be said about names of one or two letters.
///
/// Of equally near ones the first in alphabetical order, so that messages are stable.
pub fn closest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = wanted.len() / 3;
    candidates
        .into_iter()
        .take(MAX_CANDIDATES)
        .filter(|candidate| candidate.len().max(wanted.len()) <= MAX_NAME_BYTES)
        .filter(|candidate| candidate.len().abs_diff(wanted.len()) <= allowed)
        .map(|candidate| (strsim::osa_distance(&wanted.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The key of a weights file that a missing key stands for: the same with a prefix more or less, as `DataParallel` and
/// nested modules make them, else the closest.
pub fn closest_key<'a>(wanted: &str, keys: impl IntoIterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let is_tail = |long: &str, short: &str| long.strip_suffix(short).is_some_and(|head| head.ends_with('.'));
    let prefixed = keys.clone().into_iter().filter(|key| is_tail(key, wanted) || is_tail(wanted, key));
    prefixed.min_by_key(|key| (key.len().abs_diff(wanted.len()), *key)).or_else(|| closest(wanted, keys))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let ops = ["relu", "add", "conv2d", "linear", "max_pool2d"];
        assert_eq!(closest("rleu", ops), Some("relu"));
        assert_eq!(closest("Conv2D", ops), Some("conv2d"));
        assert_eq!(closest("maxpool2d", ops), Some("max_pool2d"));
        assert_eq!(closest("softmax", ops), None);
        assert_eq!(closest("", ops), None);
        assert_eq!(closest("x", ["y"]), None);
    }

    #[test]
    fn prefixes_beat_letters() {
        let keys = ["module.conv1.weight", "module.conv2.weight", "conv9.weight"];
        assert_eq!(closest_key("conv1.weight", keys), Some("module.conv1.weight"));
        assert_eq!(closest_key("net.module.conv2.weight", keys), Some("module.conv2.weight"));
        assert_eq!(closest_key("conv8.weight", keys), Some("conv9.weight"));
    }
}
